"""Every way of using the pages in a real browser: phone, keyboard, light and dark, links, two tabs."""

import re

import pytest
from browser_pages import CHROMIUM, act, ann, browser, card, mine, picture, rao, says, service, sign_in, told, visitor  # noqa: F401 (fixtures)
from playwright.async_api import Page, expect
from serving import FORGOT, RASH

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium, chromium-browser or google-chrome on the PATH"),
]


async def no_sideways_scroll(page: Page) -> None:
    assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


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
