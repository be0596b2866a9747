"""The desk over HTTP: who may come in, and what a card shows."""

import pytest
from desk_page import ann, app, bob, case, channel, clock, files, lee, rao, reported, service, url  # noqa: F401 (fixtures)
from serving import FORGOT, PNG, RASH, Requester, Specialist, client, served

from smi_bot.errors import Refused

pytestmark = pytest.mark.asyncio(loop_scope="module")
PRESSES = ["claim", "release", "note", "reply", "note_send", "reply_retry", "label", "close", "preview", "reveal"]
PRESSES += ["file_retry", "label_judge"]


# --- who may come in


async def test_without_a_login_there_is_no_board_no_event_no_file_and_no_press(url):
    async with client(url) as http:
        page = await http.get("/desk")
        assert (page.status_code, page.headers["location"]) == (303, "/desk/login")
        for path in ("/desk/board", "/desk/events", "/desk/attachments/any"):
            assert (await http.get(path)).status_code == 401
        for press in PRESSES:
            assert (await http.post(f"/desk/cases/1/{press}", json={})).status_code == 401


async def test_the_requesters_cookie_opens_no_desk(ann):
    assert (await ann.http.get("/desk/board")).status_code == 401


async def test_a_login_needs_a_name_that_is_no_part_of_ours(url):
    for name in ("", "   ", "bot", "Bot", "requester"):
        answer = await Specialist(url, name).signs_in()
        assert answer.status_code == 401
        assert "Please give your own name." in answer.text


async def test_a_name_is_shown_as_it_is_written(url):
    async with Specialist(url, '<b>Dr. Rao</b> {{ 7 * 7 }} "Æ" \x00') as strange:
        page = (await strange.http.get("/desk")).text
    assert "&lt;b&gt;Dr. Rao&lt;/b&gt; {{ 7 * 7 }}" in page


async def test_a_login_form_of_another_session_is_refused(url):
    for forged in ("", "forged", "ümlaut"):
        answer = await Specialist(url).signs_in(csrf=forged)
        assert answer.status_code == 401
        assert "out of date" in answer.text


async def test_a_press_with_another_sessions_token_is_refused(rao, lee, case):
    rao.csrf, right = lee.csrf, rao.csrf
    assert (await rao.presses("claim", case)).status_code == 401
    rao.csrf = ""
    assert (await rao.presses("claim", case)).status_code == 401
    rao.csrf = right
    assert (await rao.presses("claim", case)).status_code == 200


async def test_a_press_by_get_or_with_the_token_in_the_body_is_refused(rao, case):
    assert (await rao.http.get(f"/desk/cases/{case}/claim")).status_code == 405
    assert (await rao.http.post(f"/desk/cases/{case}/claim", data={"csrf": rao.csrf})).status_code == 401


async def test_a_desk_with_a_password_lets_in_who_knows_it_only(tmp_path, knowledge):
    async with served(tmp_path / "data", knowledge, desk_password="corréct horse") as (_, url):
        for wrong in ("", "wrong", "corréct horse ", "correct horse"):
            answer = await Specialist(url, password=wrong).signs_in()
            assert answer.status_code == 401
            assert "That is not the desk password." in answer.text
            assert (not wrong) or wrong not in answer.text
        async with Specialist(url, password="corréct horse") as rao:
            assert "Dr. Rao" in (await rao.http.get("/desk")).text


async def test_a_login_stays_after_the_page_is_left_and_is_told_apart_from_the_chat(rao, url):
    assert (await rao.http.get("/chat")).status_code == 200
    assert (await rao.http.get("/desk")).status_code == 200
    async with client(url) as nobody:
        assert (await nobody.get("/desk")).status_code == 303


@pytest.mark.parametrize("form", [b"\xff" * 20_000, b"name=" + b"x" * 2_000_000, b"&".join([b"a=b"] * 2000)])
async def test_a_huge_or_malformed_login_is_refused(url, form):
    async with client(url) as http:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        assert (await http.post("/desk/login", content=form, headers=headers)).status_code in (400, 401)


# --- what a card shows


async def test_a_card_masks_who_wrote_and_shows_the_words_that_raised_the_label(ann, rao):
    text = f"My name is Ann Miller, ann.miller@example.com, 212-555-0143. {RASH}"
    card = await rao.card(await reported(ann, rao, text))
    for secret in ("Ann Miller", "ann.miller@example.com", "555-0143"):
        assert secret not in card
    assert "My name is [name], [e-mail], [phone]." in card
    assert 'data-label="adverse-event"' in card
    assert "rash</q>" in card
    assert "Requester " in card
    assert ann.http.cookies["smi"][:20] not in card


async def test_evidence_shows_each_part_of_the_words_once(ann, rao):
    card = await rao.card(await reported(ann, rao))
    shown = [part.split("</q>")[0] for part in card.split("<q>")[1:]]
    assert shown
    assert not any(one in other for one in shown for other in shown if one is not other)


async def test_a_pseudonym_is_the_same_in_each_case_of_a_person_and_differs_between_people(ann, rao, url):
    first = await reported(ann, rao)
    await rao.does("claim", first)
    await rao.does("close", first, disposition="answered")
    second = await reported(ann, rao)
    async with Requester(url) as bob:
        other = await reported(bob, rao)
    names = [(await rao.card(number)).split("<dd>Requester ")[1][:6] for number in (first, second, other)]
    assert names[0] == names[1] != names[2]
    assert f"<dt>Previous case</dt><dd>SMI-{first}</dd>" in await rao.card(second)


async def test_a_matched_answer_is_a_suggestion_on_the_card_and_an_unlikely_one_is_not(ann, rao):
    card = await rao.card(await reported(ann, rao, f"{RASH}. {FORGOT}"))
    assert "<code>missed-dose</code>" in card
    assert ", 0 %" not in card


async def test_what_the_bot_answered_by_itself_stands_between_the_requesters_messages(ann, rao):
    await ann.says(FORGOT)
    await ann.hears("missed-dose, version 1")
    number = await reported(ann, rao)
    card = await rao.sees("Answered from the library", case=number)
    assert "missed-dose: What should I do if I forget a tablet?" in await rao.card(number)
    assert card == number


async def test_a_service_text_that_could_not_be_delivered_shows_on_the_case(ann, rao, app, monkeypatch):
    async def refusing(rendered):
        raise Refused("blocked by the requester")

    monkeypatch.setattr(app.web, "send", refusing)
    number = await reported(ann, rao)
    await rao.sees("Could not be delivered", "service text: adverse-event", case=number)


async def test_a_case_nobody_claims_becomes_overdue_and_the_board_counts_it(rao, case, clock, app):
    card = await rao.card(case)
    assert "due in 4 h" in card
    assert "data-overdue" not in card
    clock.advance(hours=6)
    app.database.bell.ring("clock")
    card = await rao.card(await rao.sees("Nobody has claimed this case in time.", case=case))
    assert "2 h overdue" in card
    assert "data-overdue" in card
    assert "overdue</span>" in (await rao.board()).split('class="lists"')[0]
    await rao.does("claim", case)
    assert "overdue" not in await rao.card(case)


async def test_urgent_cases_come_first_and_are_counted(ann, rao, url):
    async with Requester(url) as bob:
        normal = await reported(bob, rao, "I want to talk to a human")
    urgent = await reported(ann, rao, "I can't breathe")
    board = await rao.board()
    assert board.index(f'id="case-{urgent}"') < board.index(f'id="case-{normal}"')
    assert "urgent</span>" in board.split('class="lists"')[0]


async def test_a_file_reaches_the_desk_and_can_be_fetched_also_from_an_earlier_case(ann, rao):
    kept, other = (await ann.uploads()).json(), (await ann.uploads()).json()
    await ann.says(RASH, files=(kept["id"],))
    first = await rao.sees(kept["id"])
    await rao.does("claim", first)
    await rao.does("close", first, disposition="answered")
    await reported(ann, rao)
    answer = await rao.http.get(f"/desk/attachments/{kept['id']}")
    assert (answer.status_code, answer.content) == (200, PNG)
    assert answer.headers["content-disposition"] == "attachment"
    for unknown in (other["id"], "none", "%2e%2e"):
        assert (await rao.http.get(f"/desk/attachments/{unknown}")).status_code == 404
