"""Addresses: a random name for each chat, the same one as long as it is known, and nothing that leads back afterwards."""

import asyncio
from dataclasses import replace

import pytest
import sqlalchemy as sa

from smi_bot.addresses import Address, AddressRow, address_of, chat_moved, conversation_at, forget
from smi_bot.database import Database

ANN = Address("telegram", "123456", "7000000001")
GROUP = Address("telegram", "123456", "-4000001", public=True)


async def addresses(database: Database) -> dict[str, Address]:
    """Everything that is known, by conversation."""
    async with database.reading() as tx:
        rows = (await tx.execute(sa.select(AddressRow))).scalars()
        return {row.conversation: Address(row.channel, row.account, row.chat, row.person, row.public) for row in rows}


async def forgets(database: Database, conversation: str) -> None:
    async with database.transaction() as tx:
        await forget(tx, conversation)


async def test_a_chat_has_one_conversation_for_ever_and_its_name_says_nothing_of_the_person(database):
    conversation = await conversation_at(database, ANN)
    assert conversation.startswith("telegram:")
    assert not [part for part in (ANN.chat, ANN.account) if part in conversation]
    assert await conversation_at(database, ANN) == conversation
    assert await addresses(database) == {conversation: ANN}


@pytest.mark.parametrize(
    "other",
    [
        replace(ANN, chat="7000000002"),
        replace(ANN, account="654321"),  # another bot of ours
        replace(ANN, channel="elsewhere"),
        replace(ANN, person="7000000002"),
    ],
    ids=["chat", "account", "channel", "person"],
)
async def test_everything_that_differs_in_an_address_makes_another_conversation(other, database):
    one, two = await conversation_at(database, ANN), await conversation_at(database, other)
    assert one != two
    assert await addresses(database) == {one: ANN, two: other}


async def test_all_who_ask_at_the_same_moment_are_given_the_same_conversation(database_url):
    databases = [Database(database_url) for _ in range(2)]
    found = await asyncio.gather(*(conversation_at(database, ANN) for database in databases * 8))
    assert len(set(found)) == 1
    assert await addresses(databases[0]) == {found[0]: ANN}
    for database in databases:
        await database.close()


async def test_where_a_conversation_leads_is_known_until_it_is_forgotten(database):
    conversation = await conversation_at(database, ANN)
    other = await conversation_at(database, GROUP)
    async with database.reading() as tx:
        assert await address_of(tx, conversation) == ANN
        assert await address_of(tx, "telegram:nobody") is None
    await forgets(database, conversation)
    await forgets(database, conversation)  # once more does nothing
    async with database.reading() as tx:
        assert await address_of(tx, conversation) is None
    assert await addresses(database) == {other: GROUP}


async def test_who_comes_back_after_being_forgotten_is_somebody_new(database):
    before = await conversation_at(database, ANN)
    await forgets(database, before)
    assert await conversation_at(database, ANN) != before


async def test_a_chat_that_moved_takes_its_conversations_along_and_no_others(database):
    member = replace(GROUP, person="7000000001")
    elsewhere = replace(GROUP, account="654321")
    forum, poster = await conversation_at(database, GROUP), await conversation_at(database, member)
    others = {await conversation_at(database, address): address for address in (ANN, elsewhere)}
    for _ in range(2):  # Telegram may say so more than once
        await chat_moved(database, "telegram", "123456", GROUP.chat, "-1001")
        moved = {forum: replace(GROUP, chat="-1001"), poster: replace(member, chat="-1001")}
        assert await addresses(database) == {**others, **moved}
    assert await conversation_at(database, replace(GROUP, chat="-1001")) == forum


async def test_who_wrote_in_the_new_chat_before_the_move_was_known_keeps_what_is_there_and_the_old_address_goes(
    database,
):
    """Left where it is, it would be sent to for ever in vain."""
    member = replace(GROUP, person="7000000001")
    poster = await conversation_at(database, member)
    await conversation_at(database, GROUP)
    new = replace(GROUP, chat="-1001")
    forum = await conversation_at(database, new)
    await chat_moved(database, "telegram", "123456", GROUP.chat, "-1001")
    assert await addresses(database) == {forum: new, poster: replace(member, chat="-1001")}
