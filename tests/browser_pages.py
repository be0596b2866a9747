"""The pages in a real browser, and what people do on them."""

import os
import re
import shutil
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect
from serving import Process

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
QUIET += ["--disable-component-update", "--disable-sync"]
CHECKOUT = Path(__file__).parent.parent

#: Read here because the tests themselves see no SMI_ variable.
PICTURES = CHECKOUT / "test-screens" if os.environ.get("SMI_SCREENSHOTS") else None
PATIENCE = 45_000  # milliseconds: a restarted service may take seconds to read its library, then the page comes back


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
