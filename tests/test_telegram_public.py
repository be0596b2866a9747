"""Public posts on Telegram: each is triaged, a report becomes a case, and no way leads from the case into the public."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from bot_api_people import Channel, Group, Person
from bot_api_world import Place
from loopback_troubles import Trouble
from serving import FORGOT, PNG, RASH
from telegram_service import TelegramService, telegram_service

from escalation.case import Case
from smi_bot.addresses import Address, conversation_at
from smi_bot.attachments import AttachmentRow
from smi_bot.decision import SAFETY
from smi_bot.durable.rows import OutboxRow
from smi_bot.errors import NotAllowed
from smi_bot.inquiry import EntryPart, Part, Reply, SpecialistPart, WordingPart
from smi_bot.receiving import post_reply

#: One report for each label that must be kept.
REPORTS = {
    "emergency": "I took Zelvanta and now I can't breathe",
    "self-harm": "I want to kill myself",
    "adverse-event": RASH,
    "special-situation": "I am pregnant and took Zelvanta",
    "product-complaint": "the Zelvanta blister was broken and the tablets crumbled",
}


async def posters(telegram: TelegramService, place: Place, person: Person | None = None) -> str:
    """Our name for the conversation of somebody who posts in a place, or for the place itself."""
    account = telegram.api.token.partition(":")[0]
    address = Address("telegram", account, str(place.id), str(person.id) if person else "", public=True)
    return await conversation_at(telegram.app.database, address)


async def cases_of(telegram: TelegramService, place: Place, person: Person) -> list[Case]:
    conversation = await posters(telegram, place, person)
    return [case for case in await telegram.desk.cases() if case.conversation == conversation]


def links(case: Case) -> list[str]:
    return [event.body["link"] for event in case.events if event.kind == "message"]


# --- triage and cases


async def test_each_kind_of_report_opens_a_public_case_of_its_poster_with_a_link(tmp_path, knowledge):
    async with telegram_service(tmp_path, knowledge) as telegram:
        group = telegram.api.group("Patients", username="patients")
        people = {label: telegram.api.person(label) for label in REPORTS}
        posts = {label: group.says(people[label], REPORTS[label]) for label in REPORTS}
        assert REPORTS.keys() == SAFETY
        await telegram.quiet()
        for label, person in people.items():
            (case,) = await cases_of(telegram, group, person)
            assert (case.is_public, case.labels[0], case.status) == (True, label, "open")
            assert links(case) == [f"https://t.me/patients/{posts[label]['message_id']}"]


async def test_a_further_report_joins_the_case_of_the_same_poster_and_talk_does_not(tmp_path, knowledge):
    async with telegram_service(tmp_path, knowledge) as telegram:
        group, elsewhere, bob = telegram.api.group("A"), telegram.api.group("B"), telegram.api.person("Bob")
        group.says(telegram.ann, RASH)
        group.says(telegram.ann, "thank you all")
        group.says(bob, RASH)
        elsewhere.says(telegram.ann, RASH)
        group.says(telegram.ann, REPORTS["emergency"])
        await telegram.quiet()
        (case,) = await cases_of(telegram, group, telegram.ann)
        assert (len(links(case)), case.priority, case.labels[:2]) == (2, "urgent", ("emergency", "adverse-event"))
        assert len(await cases_of(telegram, group, bob)) == len(await cases_of(telegram, elsewhere, telegram.ann)) == 1
        assert await telegram.cases() == []  # nothing is known of their private chats


async def test_a_link_is_given_where_the_platform_has_one(tmp_path, knowledge):
    async with telegram_service(tmp_path, knowledge) as telegram:
        group, basic = telegram.api.group("Patients"), telegram.api.group("Few", supergroup=False)
        post = group.says(telegram.ann, RASH)
        basic.says(telegram.ann, RASH)
        await telegram.quiet()
        (case,), (other,) = [await cases_of(telegram, place, telegram.ann) for place in (group, basic)]
        number = str(group.id).removeprefix("-100")
        assert links(case) == [f"https://t.me/c/{number}/{post['message_id']}"]
        assert links(other) == [""]


async def test_what_an_edit_adds_to_a_post_opens_a_case(tmp_path, knowledge):
    async with telegram_service(tmp_path, knowledge) as telegram:
        group, channel = telegram.api.group("Patients"), telegram.api.channel("News", username="news")
        group.edits(group.says(telegram.ann, "I have news"), RASH)
        post = channel.posts("A letter of a reader")
        channel.edits(post, f"A reader writes: {RASH}")
        await telegram.quiet()
        first, second = await telegram.desk.cases()
        assert first.labels[0] == second.labels[0] == "adverse-event"
        assert links(second) == [f"https://t.me/news/{post['message_id']}"]
        assert channel.told == []


FORMS: dict[str, Callable[[TelegramService, Group, Channel], Any]] = {
    "by an anonymous admin": lambda telegram, group, channel: group.admin.says(RASH),
    "by a channel": lambda telegram, group, channel: channel.at(group).says(RASH),
    "forwarded": lambda telegram, group, channel: telegram.ann.at(group).forwards(RASH, "somebody"),
    "in a caption": lambda telegram, group, channel: group.sends_photo(telegram.ann, RASH),
    "in an album": lambda telegram, group, channel: telegram.ann.at(group).sends_album([PNG, PNG], caption=RASH),
    "unreadable": lambda telegram, group, channel: telegram.api.update({"message": {"chat": group.json, "text": RASH}}),
}


async def test_a_report_counts_whoever_posts_it_in_whatever_form(tmp_path, knowledge):
    async with telegram_service(tmp_path, knowledge) as telegram:
        channel, groups = telegram.api.channel("News"), {name: telegram.api.group(name) for name in FORMS}
        for name, post in FORMS.items():
            post(telegram, groups[name], channel)

        async def all_cases() -> Sequence[Case]:
            telegram.later(seconds=1)  # the rest of the album does not come
            cases = await telegram.desk.cases()
            return cases if len(cases) == len(FORMS) else ()

        for case in await telegram.until(all_cases):
            assert (case.is_public, case.labels[0]) == (True, "adverse-event")
        await telegram.quiet()
        assert len(await telegram.desk.cases()) == len(FORMS)


# --- channels, comments and topics


async def test_a_channel_and_its_copy_in_the_discussion_invite_nobody_and_a_comment_does(tmp_path, knowledge):
    async with telegram_service(tmp_path, knowledge) as telegram:
        discussion = telegram.api.group("Talk")
        channel = telegram.api.channel("News", discussion=discussion)
        post = channel.posts("Zelvanta is discussed here. /help @smi_test_bot")
        await telegram.quiet()
        assert channel.told == discussion.told == []
        channel.comments(telegram.ann, "how nice", on=post)
        told = await discussion.will_hear()
        copy = told.message["reply_to_message"]
        assert (copy["is_automatic_forward"], copy["text"]) == (True, post["text"])
        assert channel.told == []


async def test_in_a_forum_the_invitation_goes_to_the_topic_of_the_post(tmp_path, knowledge):
    async with telegram_service(tmp_path, knowledge) as telegram:
        group = telegram.api.group("Patients", forum=True)
        group.topic("other things")
        topic = group.topic("Zelvanta")
        group.says(telegram.ann, "/help", thread=topic)
        told = await group.will_hear()
        assert told.message["message_thread_id"] == topic


async def test_a_topic_that_is_gone_breaks_nothing(tmp_path, knowledge):
    async with telegram_service(tmp_path, knowledge) as telegram:
        group = telegram.api.group("Patients", forum=True)
        topic = group.topic("Zelvanta")
        group.threads.clear()
        group.says(telegram.ann, RASH, thread=topic)
        await telegram.quiet()
        assert group.told == []
        assert len(await telegram.desk.cases()) == 1
        assert await telegram.app.not_ready() == []


# --- two walls


async def test_whatever_a_specialist_does_with_a_public_case_nothing_is_said_in_public(tmp_path, knowledge):
    async with telegram_service(tmp_path, knowledge) as telegram:
        group, presses = telegram.api.group("Patients"), telegram.desk.presses
        group.says(telegram.ann, RASH)
        await group.will_hear()
        ((case),) = await telegram.until(lambda: cases_of(telegram, group, telegram.ann))
        await presses("claim", case.id)
        await presses("note", case.id, "looks like a known one", "note-1")
        with pytest.raises(NotAllowed, match="public post"):
            await telegram.desk.replies(case.id, "Please see a doctor.")
        ((case),) = await cases_of(telegram, group, telegram.ann)
        with pytest.raises(NotAllowed, match="public post"):
            await presses("send_note", case.id, case.events[-1].id)
        await presses("label", case.id, ["human"])
        await presses("release", case.id)
        await presses("claim", case.id)
        group.says(telegram.ann, FORGOT)  # now a specialist holds it
        group.says(telegram.ann, REPORTS["emergency"])
        await telegram.quiet()
        await presses("close", case.id, "forwarded-to-drug-safety", "")
        await telegram.quiet()
        assert len(group.told) == 1
        assert telegram.ann.told == []
        assert {row.payload["part"]["wording"] for row in await deliveries(telegram)} == {"invitation"}


async def deliveries(telegram: TelegramService) -> Sequence[OutboxRow]:
    return await telegram.rows(OutboxRow, OutboxRow.way == "delivery")


async def test_the_channel_itself_refuses_everything_but_the_invitation(tmp_path, knowledge):
    async with telegram_service(tmp_path, knowledge) as telegram:
        group = telegram.api.group("Patients")
        group.says(telegram.ann, RASH)
        await telegram.quiet()
        ((case),) = await cases_of(telegram, group, telegram.ann)
        telegram.app.delivery._vouch = _always
        for place in (case.conversation, await posters(telegram, group)):
            for number, part in enumerate(PRIVATE):
                await forge(telegram, f"forged-{place}-{number}", place, part)
        await telegram.quiet()
        forged = [row for row in await deliveries(telegram) if row.key.startswith("forged")]
        assert {(row.state, row.error) for row in forged} == {("failed", "nothing is ever said in public")}
        assert len(forged) == 2 * len(PRIVATE)
        assert [call.params["text"] for call in telegram.api.called("sendMessage")] == group.texts
        assert len(group.told) == 1


#: What may be said in private.
PRIVATE: tuple[Part, ...] = (
    EntryPart(entry="missed-dose", audience="patient", country="US"),
    WordingPart(wording="emergency", country="US"),
    SpecialistPart(event=1, text="Please see a doctor."),
)


async def _always(*_: object) -> bool:
    return True


async def forge(telegram: TelegramService, id: str, conversation: str, part: Part) -> None:
    """A reply that no code of ours would queue."""
    async with telegram.app.database.transaction() as tx:
        reply = Reply(id=id, conversation=conversation, channel="telegram", part=part)
        await post_reply(tx, telegram.clock(), reply)


# --- files


async def test_files_are_fetched_for_reports_only(tmp_path, knowledge):
    async with telegram_service(tmp_path, knowledge) as telegram:
        group = telegram.api.group("Patients")
        group.sends_photo(telegram.ann, "my zelvanta box")
        group.sends_photo(telegram.ann)
        await telegram.quiet()
        assert telegram.api.called("getFile") == await telegram.rows(AttachmentRow) == []
        group.sends_photo(telegram.ann, RASH)
        await telegram.quiet()
        (file,) = await telegram.rows(AttachmentRow)
        assert (file.state, file.content) == ("here", PNG)


async def test_a_file_that_cannot_be_had_is_nobodys_business_in_public(tmp_path, knowledge):
    async with telegram_service(tmp_path, knowledge) as telegram:
        group = telegram.api.group("Patients")
        telegram.ann.at(group).sends_photo(RASH, PNG, file_size=50_000_000)
        telegram.ann.at(group).sends_photo(RASH, b"MZ is no picture")
        await telegram.quiet()
        telegram.api.troubles("file", Trouble.status(404))
        telegram.ann.at(group).sends_photo(RASH)
        await telegram.quiet()
        assert sorted(file.state for file in await telegram.rows(AttachmentRow)) == ["failed", "refused", "refused"]
        assert len(group.told) == len(await deliveries(telegram)) == 1
        assert telegram.ann.told == []


# --- from the group to the private chat


async def test_who_follows_the_button_gets_a_private_chat_that_knows_where_they_came_from(tmp_path, knowledge):
    async with telegram_service(tmp_path, knowledge) as telegram:
        group = telegram.api.group("Patients")
        group.says(telegram.ann, RASH)
        invitation = await group.will_hear()
        telegram.ann.starts(invitation.keyboard[0][0]["url"].partition("?start=")[2])
        await telegram.hears("wording/greeting.en")
        assert (await telegram.state()).came_from == "forum"
        telegram.ann.says(FORGOT)
        await telegram.hears("zelvanta/missed-dose")
        assert len(group.told) == 1


# --- groups that change


SHUT_OUT = (
    Trouble.status(403, description="Forbidden: bot was kicked from the supergroup chat"),
    Trouble.status(403, description="Forbidden: bot is not a member of the supergroup chat"),
    Trouble.status(400, description="Bad Request: not enough rights to send text messages to the chat"),
    Trouble.status(400, description="Bad Request: chat not found"),
    Trouble.status(400, description="Bad Request: TOPIC_CLOSED"),
)


async def test_where_the_bot_may_not_write_cases_are_opened_all_the_same(tmp_path, knowledge):
    async with telegram_service(tmp_path, knowledge) as telegram:
        groups, bob = [telegram.api.group("Patients") for _ in SHUT_OUT], telegram.api.person("Bob")
        telegram.api.troubles("sendMessage", *SHUT_OUT)
        for group in groups:
            group.says(telegram.ann, RASH)
            group.says(bob, RASH)
        await telegram.quiet()
        assert len(await telegram.desk.cases()) == 2 * len(groups)
        assert len(telegram.api.called("sendMessage")) == len(groups)
        assert [group.told for group in groups] == [[]] * len(groups)
        assert await telegram.app.not_ready() == []
        telegram.ann.says(FORGOT)
        await telegram.hears("zelvanta/missed-dose")


async def test_a_group_that_becomes_a_supergroup_keeps_its_conversations(tmp_path, knowledge):
    async with telegram_service(tmp_path, knowledge) as telegram:
        group = telegram.api.group("Patients", supergroup=False)
        group.says(telegram.ann, RASH)
        await telegram.quiet()
        group.migrates()
        group.says(telegram.ann, RASH)
        await telegram.quiet()
        ((case),) = await cases_of(telegram, group, telegram.ann)
        assert [bool(link) for link in links(case)] == [False, True]
        assert len(group.told) == 1
        telegram.later(hours=1)
        group.says(telegram.ann, "/help")
        await group.will_hear(times=2)
