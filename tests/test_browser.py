"""The story in a real browser: answers, a specialist, notes, files."""

import base64
from pathlib import Path

import pytest
from browser_pages import (  # noqa: F401 (fixtures)
    CHECKOUT,
    CHROMIUM,
    PICTURES,
    act,
    ann,
    browser,
    card,
    mine,
    picture,
    rao,
    says,
    service,
    sign_in,
    told,
    visitor,
)
from playwright.async_api import Browser, Page, expect
from serving import FORGOT, PNG, RASH

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium, chromium-browser or google-chrome on the PATH"),
]


async def test_an_approved_answer_shows_its_source_and_asks_whether_it_helped(ann):
    await says(ann, FORGOT)
    answer = told(ann, "missed-dose, version 1, approved 2026-")
    await expect(answer).to_have_count(1)
    await expect(answer).to_contain_text("fewer than 12 hours late")
    await expect(answer).to_contain_text("References:")
    await expect(answer.locator("li").first).to_contain_text("Zelvanta label sheet")
    await expect(answer.get_by_role("button")).to_have_text(
        ["Yes, this helped", "No, not really", "Talk to a specialist"]
    )
    await expect(told(ann, "Are you a patient or caregiver")).to_have_count(1)
    await picture(ann, "chat-answer")
    await answer.get_by_role("button", name="Yes, this helped").click()
    await expect(told(ann, "Thank you for letting us know")).to_have_count(1)
    await ann.reload()
    await expect(answer.get_by_role("button", name="Yes, this helped")).to_have_attribute("aria-pressed", "true")
    await expect(mine(ann, FORGOT)).to_have_count(1)


async def test_the_start_of_a_long_answer_stays_in_view_though_more_follows(browser, service):
    async with visitor(browser, f"{service.url}/chat", viewport={"width": 900, "height": 560}) as page:
        await says(page, FORGOT)
        await expect(told(page, "Are you a patient or caregiver")).to_have_count(1)
        await expect(page.locator("#jump")).to_be_visible()
        await page.locator("#jump").click()
        await expect(told(page, "Are you a patient or caregiver")).to_be_in_viewport()


async def test_a_side_effect_goes_to_a_specialist_and_back_though_the_service_is_killed_on_the_way(browser, service):
    gone = r"ERR_CONNECTION|ERR_INCOMPLETE_CHUNKED|ERR_EMPTY_RESPONSE|WebSocket connection"
    async with (
        visitor(browser, f"{service.url}/chat", away=gone, viewport={"width": 700, "height": 1000}) as ann,
        visitor(browser, f"{service.url}/desk", away=gone, viewport={"width": 1060, "height": 1000}) as rao,
    ):
        await picture(rao, "login")
        await sign_in(rao)
        await says(ann, RASH)
        await expect(told(ann, "I have passed it to our drug safety team")).to_have_count(1)
        await picture(ann, "chat-acknowledged")

        case = card(rao, RASH)  # comes without a reload
        await expect(case).to_have_count(1)
        await expect(case.locator('[data-label="adverse-event"] q').first).to_contain_text("rash")
        await picture(rao, "desk-open")
        await act(case, "case_claim")
        await expect(case).to_contain_text("Claimed by you")
        await expect(ann.locator("#specialist-banner")).to_be_visible()
        await expect(ann.locator("#specialist-banner")).to_have_text("A specialist is with you")

        await act(case, "case_note")
        await rao.get_by_label("Your note").fill("Ask drug safety for a second look.")
        await rao.get_by_role("button", name="Add the note").click()
        await expect(case.locator('[data-kind="noted"]')).to_contain_text("Ask drug safety")

        await act(case, "case_reply")
        reply = "Thank you for telling us.\nPlease show the rash to a doctor today & take the box along."
        await rao.get_by_label("Your reply").fill(reply)
        service.kill()
        await expect(ann.locator("#connection")).to_have_attribute("data-state", "lost")
        await expect(rao.locator("#live")).to_have_attribute("data-state", "lost")
        await expect(ann.locator("#lost")).to_be_visible()
        await ann.locator("#text").fill("It itches at night.")
        await ann.locator("#text").press("Enter")
        await expect(mine(ann, "It itches")).to_have_attribute("data-state", "sending")
        last = ann.locator(".message").last
        await expect(last).to_contain_text("It itches at night.")  # not above what was said before
        await rao.locator("#reply-dialog").get_by_role("button", name="Send").click()
        await expect(rao.locator("#reply-dialog [data-error]")).to_contain_text("cannot be reached")
        await picture(ann, "chat-lost")
        service.start()

        await expect(ann.locator("#connection")).to_have_attribute("data-state", "open")
        await expect(rao.locator("#live")).to_have_attribute("data-state", "open")
        await expect(mine(ann, "It itches")).to_have_attribute("data-state", "received")
        await expect(rao.locator("#reply-dialog [data-changed]")).to_contain_text("It itches at night.")
        await rao.get_by_role("button", name="Preview").click()
        await expect(rao.locator("#reply-dialog [data-preview]")).to_contain_text("& take the box along.")
        await picture(rao, "desk-reply")
        await rao.locator("#reply-dialog").get_by_role("button", name="Send").click()
        await expect(told(ann, "Please show the rash to a doctor")).to_have_count(1)
        await expect(case.locator('[data-kind="replied"]')).to_have_attribute("data-state", "delivered")
        await expect(case.locator('[data-kind="replied"]')).to_contain_text("Delivered")
        await demonstrate(browser, ann, rao)

        await ann.reload()
        await rao.reload()
        for text in ("Please show the rash to a doctor", "I have passed it to our drug safety team"):
            await expect(told(ann, text)).to_have_count(1)
        for text in (RASH, "It itches at night."):
            await expect(mine(ann, text)).to_have_count(1)
        await expect(ann.locator("#specialist-banner")).to_be_visible()
        await expect(ann.locator("body")).not_to_contain_text("second look")
        await expect(case.locator('[data-kind="replied"]')).to_have_count(1)
        await picture(ann, "chat-reply")
        await picture(rao, "desk-delivered")

        await act(case, "case_close")
        await rao.get_by_label("Forwarded to drug safety").check()
        await rao.get_by_role("button", name="Close the case").click()
        await expect(ann.locator("#specialist-banner")).to_be_hidden()


async def demonstrate(browser: Browser, ann: Page, rao: Page) -> None:
    """The picture in the documentation: both sides of one conversation."""
    if not PICTURES:
        return
    await rao.locator("#status").evaluate("it => it.textContent = ''")
    await rao.mouse.click(5, 300)  # takes the focus ring away
    sides = [base64.b64encode(await page.screenshot()).decode() for page in (ann, rao)]
    images = "".join(f'<img height="720" src="data:image/png;base64,{side}">' for side in sides)
    page = await browser.new_page(viewport={"width": 1297, "height": 740})
    await page.set_content(f'<body style="margin:10px;display:flex;gap:10px;background:#8fa3ab">{images}</body>')
    await page.screenshot(path=CHECKOUT / "docs" / "demo.png")
    await page.close()


async def test_a_note_is_sent_only_by_its_own_press(ann, rao):
    await says(ann, f"{RASH} and it hurts")
    case = card(rao, "and it hurts")
    await act(case, "case_claim")
    await act(case, "case_note")
    await rao.get_by_label("Your note").fill("please keep the box")
    await rao.get_by_role("button", name="Add the note").click()
    await case.get_by_role("button", name="Send to requester").click()
    await expect(rao.locator("#send-note-dialog [data-preview]")).to_contain_text("please keep the box")
    await expect(told(ann, "please keep the box")).to_have_count(0)
    await rao.get_by_role("button", name="Send to the requester").click()
    await expect(told(ann, "please keep the box")).to_have_count(1)
    await expect(case.locator('[data-kind="noted"]')).to_contain_text("Internal, sent afterwards")


async def test_a_label_is_refuted_by_keyboard_and_confirmed_by_mouse(ann, rao):
    await says(ann, f"{RASH} and it burns")
    case = card(rao, "and it burns")
    label = case.locator('[data-label="adverse-event"]')
    refute = label.get_by_role("button", name="Refute adverse event")
    await refute.focus()
    await rao.keyboard.press("Enter")
    await expect(label.locator(".verdict")).to_contain_text("Refuted by Dr. Rao")
    await expect(refute).to_have_attribute("aria-pressed", "true")
    await expect(refute).to_be_focused()
    await picture(rao, "desk-refuted")
    await label.get_by_role("button", name="Confirm adverse event").click()
    await expect(label.locator(".verdict")).to_contain_text("Confirmed by Dr. Rao")
    await expect(rao.locator("#status")).to_contain_text("adverse event is confirmed")
    await expect(refute).to_have_attribute("aria-pressed", "false")


async def test_a_file_reaches_the_desk_and_can_be_downloaded(ann, rao):
    await ann.locator("#file").set_input_files({"name": "my rash.png", "mimeType": "image/png", "buffer": PNG})
    await expect(ann.locator('#tray li[data-state="ready"]')).to_contain_text("my rash.png")
    await says(ann, f"{RASH}, see the picture")
    await expect(mine(ann, "see the picture").locator(".files")).to_contain_text("my rash.png")
    async with rao.expect_download() as downloading:
        await card(rao, "see the picture").get_by_role("link", name="my rash.png").click()
    download = await downloading.value
    assert download.suggested_filename == "my rash.png"
    assert Path(await download.path()).read_bytes() == PNG


async def test_a_file_that_cannot_be_taken_says_why_and_sends_nothing(browser, service):
    async with visitor(browser, f"{service.url}/chat", away="415") as page:
        await page.locator("#file").set_input_files({"name": "a.exe", "mimeType": "image/png", "buffer": b"MZ" * 50})
        await expect(page.locator('#tray li[data-state="failed"]')).to_contain_text("This type of file cannot be sent")
        await page.locator("#send").click()
        await expect(page.locator("#problem")).to_have_text("Please write a message or attach a file first.")
