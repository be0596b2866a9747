"""People on our Slack and a real app of Bolt: presses, modals, commands, words, and what each sees of the other."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from fakes import Clock
from slack_api import SlackApi
from slack_api_apps import app_of, client, over_http, over_socket
from slack_api_forms import INCOMPLETE
from slack_api_hands import TROUBLE
from slack_api_people import Person
from slack_api_world import Message
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError

pytestmark = [pytest.mark.timeout(60), pytest.mark.filterwarnings("ignore:The top-level `text`:UserWarning")]

Json = dict[str, Any]


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def button(action_id: str, value: str = "1") -> Json:
    return {"type": "button", "action_id": action_id, "text": plain(action_id.title()), "value": value}


def options(*values: str) -> list[Json]:
    return [{"text": plain(value.title()), "value": value} for value in values]


REPLY = {
    "type": "input",
    "block_id": "reply",
    "label": plain("Reply"),
    "element": {"type": "plain_text_input", "action_id": "text", "multiline": True, "max_length": 40},
}
LABELS = {
    "type": "input",
    "block_id": "labels",
    "optional": True,
    "label": plain("Labels"),
    "element": {"type": "checkboxes", "action_id": "chosen", "options": options("rash", "fever")},
}
ENTRY = {
    "type": "section",
    "block_id": "entry",
    "text": plain("Entry"),
    "accessory": {"type": "external_select", "action_id": "entry", "min_query_length": 2},
}
FORM: Json = {
    "type": "modal",
    "callback_id": "reply",
    "title": plain("Reply to SMI-1"),
    "submit": plain("Send"),
    "private_metadata": "1",
    "notify_on_close": True,
    "blocks": [REPLY, LABELS, ENTRY],
}
CARD = [
    {"type": "actions", "block_id": "case", "elements": [button("claim"), button("reply")]},
    {"type": "actions", "block_id": "other case", "elements": [button("reply", "2")]},
]


class Desk:
    """A small app. `answers`: what it says to submissions, in turn."""

    def __init__(self, slack: SlackApi) -> None:
        self.slack = slack
        self.app: AsyncApp = app_of(slack)
        self.bodies: list[Json] = []
        self.answers: list[Json] = []
        self.app.action("claim")(self._claim)
        self.app.action("reply")(self._reply)
        self.app.action("entry")(self._note)
        self.app.options("entry")(self._offer)
        self.app.view("reply")(self._submitted)
        self.app.view_closed("reply")(self._note)
        self.app.command("/smi")(self._obey)

    async def posts(self) -> Message:
        await self.app.client.chat_postMessage(channel=self.slack.channel, text="SMI-1", blocks=CARD)
        return self.slack.posted[-1]

    async def _note(self, ack: Any, body: Json) -> None:
        await ack()
        self.bodies.append(body)

    async def _claim(self, ack: Any, body: Json, respond: Any) -> None:
        await self._note(ack, body)
        await respond(text="Already claimed.", response_type="ephemeral")
        await respond(text="Claimed.", replace_original=True)

    async def _reply(self, ack: Any, body: Json, client: Any) -> None:
        await self._note(ack, body)
        await client.views_open(trigger_id=body["trigger_id"], view=FORM)

    async def _offer(self, ack: Any, payload: Json) -> None:
        self.bodies.append(payload)
        await ack(options=options(payload["value"], "other"))

    async def _submitted(self, ack: Any, body: Json) -> None:
        self.bodies.append(body)
        await ack(**self.answers.pop(0)) if self.answers else await ack()

    async def _obey(self, ack: Any, command: Json, respond: Any) -> None:
        await ack(f"At once: {command['text']}")
        await respond("And later.")


@pytest.fixture
def slack() -> Iterator[SlackApi]:
    with SlackApi() as slack:
        yield slack


@pytest.fixture
def rao(slack: SlackApi) -> Person:
    return slack.person("Dr. Rao")


@pytest.fixture(params=["socket", "http"])
async def desk(slack: SlackApi, request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    desk = Desk(slack)
    async with over_socket(slack, desk.app) if request.param == "socket" else over_http(slack, desk.app):
        yield desk


@pytest.fixture
async def modal(desk: Desk, rao: Person) -> Any:
    """A modal, open before Dr. Rao's eyes."""
    await rao.presses(await desk.posts(), "reply").comes_through()
    return await rao.will_see_modal("SMI-1")


# Presses


async def test_a_press_is_acknowledged_and_tells_where_it_happened(slack, rao, desk):
    card = await desk.posts()
    press = rao.presses(card, "claim")
    await press.comes_through()
    assert 0 < press.took < 1
    (body,) = desk.bodies
    assert (body["user"]["id"], body["actions"][0]["value"], body["actions"][0]["block_id"]) == (rao.id, "1", "case")
    assert (body["container"]["message_ts"], body["channel"]["id"]) == (card.ts, slack.channel)
    assert body["message"]["text"] == "SMI-1"
    await slack.until(lambda: card.text == "Claimed.")
    assert (card.blocks, card.edits, [m.text for m in rao.ephemerals]) == ([], 1, ["Already claimed."])


async def test_buttons_of_one_id_are_told_apart_by_value_and_old_ones_can_still_be_pressed(slack, rao, desk):
    card = await desk.posts()
    await rao.presses(card, "reply", "2").comes_through()
    assert desk.bodies[0]["actions"][0]["value"] == "2"
    await client(slack).chat_update(channel=slack.channel, ts=card.ts, text="SMI-1 is closed")
    with pytest.raises(AssertionError, match="nothing with action_id 'claim'"):
        rao.presses(card, "claim")
    await rao.presses(card, "claim", stale=True).comes_through()


async def test_a_press_that_nobody_takes_is_not_repeated(slack, rao):
    await client(slack).chat_postMessage(channel=slack.channel, text="SMI-1", blocks=CARD)
    slack.patience = 0.1
    async with over_socket(slack, app_of(slack)):
        press = rao.presses(slack.posted[-1], "claim")
        await slack.until(lambda: slack.failed_interactions == [press])
    assert (press.attempts, press.acknowledged.is_set()) == (["timeout"], False)


async def test_a_response_url_is_good_five_times_for_half_an_hour(rao):
    clock = Clock(datetime(2026, 11, 23, 9, 0, tzinfo=UTC))
    with SlackApi(clock) as slack:
        sue, web = slack.person("Sue"), client(slack)
        await web.chat_postMessage(channel=slack.channel, text="SMI-1", blocks=CARD)
        urls = [sue.presses(slack.posted[0], "claim").payload["response_url"] for _ in range(2)]
        from slack_sdk.webhook.async_client import AsyncWebhookClient as Answers

        answers = [(await Answers(urls[0]).send(text=str(n))).status_code for n in range(6)]
        assert answers == [200] * 5 + [404]
        wrong = await Answers(urls[1]).send(text="x", blocks=[{"type": "glitter"}])
        assert "invalid_blocks" in wrong.body
        await Answers(urls[1]).send(text="for all", response_type="in_channel", replace_original=False)
        await Answers(urls[1]).send(delete_original=True)
        assert [m.text for m in slack.messages()] == ["for all"]
        clock.advance(minutes=31)
        assert (await Answers(urls[1]).send(text="late")).status_code == 404
    assert [m.text for m in sue.ephemerals] == ["0", "1", "2", "3", "4"]


async def test_what_only_one_person_sees_can_be_pressed_replaced_and_taken_back(slack, rao, desk):
    await desk.app.client.chat_postEphemeral(channel=slack.channel, user=rao.id, text="Sure?", blocks=CARD)
    press = rao.presses(await rao.will_see("Claim"), "claim")
    await press.comes_through()
    await slack.until(lambda: rao.ephemerals[0].text == "Claimed.")
    assert desk.bodies[0]["container"]["is_ephemeral"] is True
    assert "message" not in desk.bodies[0]
    assert len(slack.messages()) == 0


# Modals


async def test_a_modal_opens_is_filled_in_and_submitted(slack, rao, desk, modal):
    assert (modal.title, modal.values["reply"]["text"]["value"]) == ("Reply to SMI-1", None)
    assert rao.submits() is None
    assert rao.errors == {"reply": INCOMPLETE}
    rao.types("text", "Please see a doctor.")
    rao.selects("chosen", ["rash"])
    submission = rao.submits()
    await submission.comes_through()
    values = desk.bodies[-1]["view"]["state"]["values"]
    assert (rao.view, rao.errors) == (None, {})
    assert values["reply"]["text"] == {"type": "plain_text_input", "value": "Please see a doctor."}
    assert [each["value"] for each in values["labels"]["chosen"]["selected_options"]] == ["rash"]
    assert desk.bodies[-1]["view"]["private_metadata"] == "1"
    with pytest.raises(AssertionError, match="more than 40 characters"):
        rao.types("text", "x" * 41, modal)


async def test_the_apps_answers_to_submissions_are_seen(slack, rao, desk, modal):
    other = {**FORM, "title": plain("Sure?")}
    desk.answers += [
        {"response_action": "errors", "errors": {"reply": "Too rude."}},
        {"response_action": "update", "view": other},
        {"response_action": "push", "view": FORM},
        {"response_action": "errors", "errors": {"nowhere": "x"}},
        {"response_action": "clear"},
    ]
    seen = []
    for _ in range(5):
        rao.types("text", "words", rao.view)
        await rao.submits().comes_through()
        seen.append((rao.errors, [view.title for view in rao.views]))
    assert seen == [
        ({"reply": "Too rude."}, ["Reply to SMI-1"]),
        ({}, ["Sure?"]),
        ({}, ["Sure?", "Reply to SMI-1"]),
        ({"": TROUBLE}, ["Sure?", "Reply to SMI-1"]),
        ({}, []),
    ]
    assert len(slack.warnings) == 1
    assert slack.views == {}


async def test_a_submission_that_nobody_takes_leaves_the_modal_open(slack, rao, desk, modal):
    slack.on_delivery = lambda delivery, when: when == "before"
    rao.types("text", "words")
    submission = rao.submits()
    await slack.until(lambda: submission.gave_up)
    assert (rao.errors, rao.view, slack.failed_interactions) == ({"": TROUBLE}, modal, [submission])


async def test_an_option_is_looked_up_and_chosen(slack, rao, desk, modal):
    await rao.looks_up("entry", "storage").comes_through()
    assert [each["value"] for each in rao.offered["entry"]] == ["storage", "other"]
    choice = rao.selects("entry", "storage")
    await choice.comes_through()
    assert desk.bodies[-1]["actions"][0]["selected_option"]["value"] == "storage"
    assert desk.bodies[-1]["container"] == {"type": "view", "view_id": modal.id}
    assert modal.values["entry"]["entry"]["selected_option"]["text"]["text"] == "Storage"
    with pytest.raises(AssertionError, match="no option 'nonsense'"):
        rao.selects("entry", "nonsense")


async def test_dismissing_is_told_if_it_was_asked_for(slack, rao, desk, modal):
    await rao.dismisses().comes_through()
    assert (desk.bodies[-1]["type"], desk.bodies[-1]["is_cleared"], rao.view) == ("view_closed", False, None)
    with pytest.raises(SlackApiError, match="not_found"):
        await desk.app.client.views_update(view_id=modal.id, view=FORM)


async def test_a_trigger_lives_for_three_seconds_and_is_good_for_one_view(rao):
    clock = Clock(datetime(2026, 11, 23, 9, 0, tzinfo=UTC))
    with SlackApi(clock) as slack:
        sue, web = slack.person("Sue"), client(slack)
        late, used = (sue.commands("/smi").payload["trigger_id"] for _ in range(2))
        answer = await web.views_open(trigger_id=used, view=FORM)
        for trigger, error in ((used, "exchanged_trigger_id"), ("1.2.3", "invalid_trigger_id")):
            with pytest.raises(SlackApiError, match=error):
                await web.views_open(trigger_id=trigger, view=FORM)
        clock.advance(seconds=3.1)
        with pytest.raises(SlackApiError, match="expired_trigger_id"):
            await web.views_open(trigger_id=late, view=FORM)
        hash = answer["view"]["hash"]
        await web.views_update(view_id=sue.view.id, hash=hash, view={**FORM, "title": plain("Changed")})
        with pytest.raises(SlackApiError, match="hash_conflict"):
            await web.views_update(view_id=sue.view.id, hash=hash, view=FORM)
    assert sue.view.title == "Changed"


async def test_modals_are_pushed_over_each_other_three_deep(slack, rao, desk, modal):
    web = desk.app.client
    for _ in range(2):
        await rao.looks_up("entry", "st").comes_through()
        press = rao.selects("entry", "other")
        await web.views_push(trigger_id=press.payload["trigger_id"], view=FORM)
    press = rao.selects("entry", "other")
    with pytest.raises(SlackApiError, match="push_limit_reached"):
        await web.views_push(trigger_id=press.payload["trigger_id"], view=FORM)
    assert len(rao.views) == 3
    rao.dismisses(all=True)
    assert rao.views == []


async def test_what_was_entered_stays_where_the_field_stays(slack, rao, desk, modal):
    rao.types("text", "words")
    await desk.app.client.views_update(view_id=modal.id, view={**FORM, "blocks": [REPLY]})
    assert modal.values == {"reply": {"text": {"type": "plain_text_input", "value": "words"}}}


async def test_a_home_tab_is_published(slack, rao):
    home = {"type": "home", "blocks": CARD}
    first = await client(slack).views_publish(user_id=rao.id, view=home)
    await client(slack).views_publish(user_id=rao.id, view=home, hash=first["view"]["hash"])
    assert "Claim" in rao.home.all_text
    with pytest.raises(SlackApiError, match="hash_conflict"):
        await client(slack).views_publish(user_id=rao.id, view=home, hash=first["view"]["hash"])


# Commands


async def test_a_command_is_answered_at_once_and_later(slack, rao, desk):
    command = rao.commands("/smi open 7")
    await command.comes_through()
    await rao.will_see("And later.")
    # In either order: Bolt looks only every 10 ms whether its listener has acknowledged.
    assert {m.text for m in rao.ephemerals} == {"At once: open 7", "And later."}
    assert (command.payload["command"], command.payload["text"], command.payload["user_id"]) == (
        "/smi",
        "open 7",
        rao.id,
    )


async def test_an_answer_that_breaks_rules_is_shown_to_nobody(slack, rao):
    app = app_of(slack)

    @app.command("/smi")
    async def obeys(ack: Any) -> None:
        await ack(text="x", blocks=[{"type": "glitter"}])

    async with over_socket(slack, app):
        await rao.commands("/smi").comes_through()
    assert (rao.ephemerals, len(slack.warnings)) == ([], 1)
