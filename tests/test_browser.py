"""The story in a real browser, against the real service in a process of its own."""

import base64
import os
import re
import shutil
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect
from serving import FORGOT, PNG, RASH, Process

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
QUIET += ["--disable-component-update", "--disable-sync"]
CHECKOUT = Path(__file__).parent.parent
#: Read here because the tests themselves see no SMI_ variable.
PICTURES = CHECKOUT / "test-screens" if os.environ.get("SMI_SCREENSHOTS") else None
PATIENCE = 45_000  # milliseconds: a restarted service may take seconds to read its library, then the page comes back

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium, chromium-browser or google-chrome on the PATH"),
]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def browser():
    expect.set_options(timeout=PATIENCE)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        await browser.close()


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    process = Process(tmp_path_factory.mktemp("browser"))
    process.start()
    yield process
    process.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def ann(browser, service):
    async with visitor(browser, f"{service.url}/chat") as page:
        yield page


@pytest_asyncio.fixture(loop_scope="module")
async def rao(browser, service):
    async with visitor(browser, f"{service.url}/desk", viewport={"width": 1200, "height": 900}) as page:
        await sign_in(page)
        yield page


@asynccontextmanager
async def visitor(browser: Browser, url: str, *, away: str = "", **options):
    """Somebody with a browser of their own. Errors on the page fail the test, but for those that match `away`."""
    context = await browser.new_context(**{"viewport": {"width": 1000, "height": 900}, **options})
    page = await context.new_page()
    page.set_default_timeout(PATIENCE)
    troubles: list[str] = []
    page.on("console", lambda message: troubles.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    await page.goto(url)
    yield page
    assert [trouble for trouble in troubles if not (away and re.search(away, trouble))] == []
    await context.close()


async def sign_in(page: Page, name: str = "Dr. Rao") -> None:
    await page.get_by_label("Your name").fill(name)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.locator("#live")).to_have_attribute("data-state", "open")


async def says(page: Page, text: str) -> None:
    await page.locator("#text").fill(text)
    await page.locator("#text").press("Enter")
    await expect(mine(page, text)).to_have_attribute("data-state", "received")


def mine(page: Page, text: str):
    return page.locator('.message[data-from="you"]').filter(has_text=text)


def told(page: Page, text: str):
    return page.locator('.message:not([data-from="you"])').filter(has_text=text)


def card(page: Page, text: str):
    return page.locator(".card").filter(has_text=text)


async def act(card, action: str) -> None:
    await card.locator(f'> .buttons [data-action="{action}"]').click()


async def picture(page: Page, name: str) -> None:
    if PICTURES:
        PICTURES.mkdir(exist_ok=True)
        await page.screenshot(path=PICTURES / f"{name}.png", animations="disabled")


async def no_sideways_scroll(page: Page) -> None:
    assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


# --- the story


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


# --- every way of using it


async def test_a_phone_shows_chat_and_desk_without_sideways_scrolling(browser, service):
    phone = {"viewport": {"width": 375, "height": 740}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
    async with visitor(browser, f"{service.url}/chat", **phone) as page:
        await page.locator("#text").fill(f"{RASH} {'x' * 300} https://example.com/{'y' * 300}")
        await page.locator("#send").tap()
        await expect(told(page, "I have passed it to our drug safety team")).to_have_count(1)
        await says(page, FORGOT)
        await expect(told(page, "missed-dose, version 1")).to_have_count(1)
        await no_sideways_scroll(page)
        await picture(page, "phone-chat")
    async with visitor(browser, f"{service.url}/desk", **phone) as page:
        await no_sideways_scroll(page)
        await sign_in(page)
        case = card(page, "x" * 300)
        await act(case, "case_claim")
        await expect(case).to_contain_text("Claimed by you")
        await no_sideways_scroll(page)
        await picture(page, "phone-desk")
        await act(case, "case_reply")
        await expect(page.locator("#reply-dialog")).to_be_visible()
        await no_sideways_scroll(page)
        await picture(page, "phone-desk-reply")


async def test_everything_can_be_done_with_the_keyboard_alone(browser, service):
    async with visitor(browser, f"{service.url}/chat") as ann, visitor(browser, f"{service.url}/desk") as rao:
        await tab_to(ann, "#text")
        await ann.keyboard.type("line one, I want to talk to a human")
        await ann.keyboard.press("Shift+Enter")
        await ann.keyboard.type("keyboard only")
        await ann.keyboard.press("Enter")
        sent = mine(ann, "keyboard only")
        await expect(sent).to_have_attribute("data-state", "received")
        await expect(sent.locator(".body")).to_have_text("line one, I want to talk to a human\nkeyboard only")
        await expect(ann.locator("#text")).to_be_focused()
        await expect(ann.locator("#text")).to_have_value("")
        await tab_to(ann, '[data-verb="accept-notice"]')
        await ann.keyboard.press("Enter")
        await expect(ann.locator('[data-verb="accept-notice"]')).to_have_attribute("aria-pressed", "true")

        await rao.keyboard.type("Dr. Key")  # the name has the focus
        await rao.keyboard.press("Enter")
        await expect(rao.locator("#live")).to_have_attribute("data-state", "open")  # the page's script listens by then
        case = card(rao, "keyboard only")
        number = await case.get_attribute("data-case")
        await tab_to(rao, f'#case-{number} [data-action="case_claim"]')
        await rao.keyboard.press("Enter")
        await expect(case).to_contain_text("Claimed by you")
        await tab_to(rao, f'#case-{number} [data-action="case_reply"]')
        await rao.keyboard.press("Enter")
        await rao.keyboard.type("Hello, here I am.")
        await tab_to(rao, '#reply-dialog [data-do="send"]')
        await rao.keyboard.press("Enter")
        await expect(told(ann, "Hello, here I am.")).to_have_count(1)
        await expect(rao.locator(f'#case-{number} [data-action="case_reply"]')).to_be_focused()
        await tab_to(rao, f'#case-{number} [data-action="case_close"]')
        await rao.keyboard.press("Enter")
        await rao.keyboard.press("Escape")
        await expect(rao.locator("#close-dialog")).to_be_hidden()


async def tab_to(page: Page, selector: str) -> None:
    for _ in range(200):
        if await page.evaluate("selector => document.activeElement?.matches(selector)", selector):
            return
        await page.keyboard.press("Tab")
    raise AssertionError(f"{selector} cannot be reached with the keyboard")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_text_can_be_read_in_light_and_dark(browser, service, scheme):
    async with (
        visitor(browser, f"{service.url}/chat", color_scheme=scheme) as ann,
        visitor(browser, f"{service.url}/desk", color_scheme=scheme) as rao,
    ):
        await expect(ann.locator("#connection")).to_have_attribute("data-state", "open")
        await says(ann, f"{RASH} in {scheme}. {FORGOT}")
        await expect(told(ann, "I have passed it to our drug safety team")).to_have_count(1)
        assert await unreadable(rao) == []
        await sign_in(rao)
        case = card(rao, f"in {scheme}")
        await act(case, "case_claim")
        await act(case, "case_note")
        await rao.get_by_label("Your note").fill("a note")
        await rao.get_by_role("button", name="Add the note").click()
        await expect(case.locator('[data-kind="noted"]')).to_have_count(1)
        await act(case, "case_reply")
        await rao.get_by_label("Your reply").fill("a reply")
        await rao.locator("#reply-dialog").get_by_role("button", name="Send").click()
        await expect(told(ann, "a reply")).to_have_count(1)
        await expect(case.locator('[data-state="delivered"]').first).to_be_visible()
        for page in (ann, rao):
            ground = await page.evaluate("getComputedStyle(document.body).backgroundColor")
            assert (max(map(int, re.findall(r"\d+", ground))) < 60) == (scheme == "dark")
            assert await unreadable(page) == []
        await picture(ann, f"chat-{scheme}")
        await picture(rao, f"desk-{scheme}")


async def unreadable(page: Page) -> list[str]:
    """Visible texts whose contrast is under 4.5 to 1 (WCAG 2.2, 1.4.3); disabled buttons are exempt there."""
    return await page.evaluate(
        """() => {
          const parse = (colour) => colour.match(/[\\d.]+/g).map(Number);
          const light = (colour) => {
            const [r, g, b] = colour.map((c) => ((c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
          };
          const behind = (it) => {
            for (; it; it = it.parentElement) {
              const colour = parse(getComputedStyle(it).backgroundColor);
              if (colour.length === 3 || colour[3] === 1) return colour.slice(0, 3);
            }
            return [255, 255, 255];
          };
          const poor = [];
          for (const it of document.body.querySelectorAll("*")) {
            const own = [...it.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
            if (!own || !it.checkVisibility() || it.closest(":disabled, [aria-disabled=true]")) continue;
            const [a, b] = [light(parse(getComputedStyle(it).color).slice(0, 3)), light(behind(it))].sort();
            const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
            if (ratio < 4.5) poor.push(`${ratio.toFixed(1)}: ${it.tagName}.${it.className} ${it.textContent.trim().slice(0, 40)}`);
          }
          return poor;
        }"""
    )


async def test_who_comes_back_by_a_link_from_another_site_finds_the_conversation(browser, service):
    async with visitor(browser, f"{service.url}/chat") as page:
        await says(page, FORGOT)
        elsewhere = service.url.replace("127.0.0.1", "localhost")  # another site to a browser
        await page.goto(f"{elsewhere}/desk/login")
        await page.evaluate(
            "url => document.body.append(Object.assign(document.createElement('a'), {href: url, textContent: 'chat'}))",
            f"{service.url}/chat",
        )
        await page.get_by_role("link", name="chat").click()
        await expect(mine(page, FORGOT)).to_have_count(1)


async def test_two_tabs_of_one_person_show_the_same_conversation_once(ann, service):
    other = await ann.context.new_page()
    await other.goto(f"{service.url}/chat")
    await says(ann, FORGOT)
    for page in (ann, other):
        await expect(mine(page, FORGOT)).to_have_count(1)
        await expect(told(page, "missed-dose, version 1")).to_have_count(1)


async def test_what_anybody_writes_is_never_markup(ann, rao):
    hostile = "<img src=x onerror=alert(1)> <b>bold</b> {{ 7 * 7 }}"
    await says(ann, f"{RASH} {hostile}")
    await expect(mine(ann, hostile)).to_have_count(1)
    await expect(card(rao, hostile).locator('[data-kind="message"] .body')).to_contain_text(hostile)
    for page in (ann, rao):
        assert await page.locator("img").count() == 0
