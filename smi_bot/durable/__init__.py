"""Inbox, outbox and timers as rows with claims, and the loop that works on them. Knows nobody: handlers are passed in.

A committed row is the only wake that counts: after a kill the loop finds what is open. On PostgreSQL any number of
workers share the rows by `FOR UPDATE SKIP LOCKED`; on SQLite there is one process and one writer.
"""
