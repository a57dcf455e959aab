"""The page in a real browser, over real daemons. Usage: check.py PROGRAM AXE.js [FOLDER for pictures]"""

import base64
import pathlib
import subprocess
import sys
import tempfile

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from service import Service

PROGRAM, AXE = sys.argv[1], pathlib.Path(sys.argv[2]).read_text()
PICTURES = pathlib.Path(sys.argv[3]) if len(sys.argv) > 3 else None
FIRST_PAINT = 100_000
HEADINGS = [
    "What needs a person", "Throughput", "On the way", "What holds the most work back", "Actors",
    "Connection to GRIN", "Schedule", "Storage", "Failed books", "Configuration",
]


def browser():
    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(argument)
    options.binary_location = "/usr/bin/chromium"
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService("/usr/bin/chromedriver")
    return webdriver.Chrome(options=options, service=service)


class Page:
    def __init__(self, driver, address):
        self.driver = driver
        # What an earlier page said when its daemon ended is not this one's.
        driver.get("about:blank")
        driver.get_log("browser")
        driver.get(address)

    def text(self, css):
        # One step, as the element may be replaced between two.
        return self.script("return document.querySelector(arguments[0])?.textContent ?? ''", css)

    def script(self, code, *arguments):
        return self.driver.execute_script(code, *arguments)

    def wait(self, holds, what, seconds=60):
        WebDriverWait(self.driver, seconds, poll_frequency=0.1).until(lambda _: holds(), f"never: {what}")

    def is_live(self):
        self.wait(lambda: self.script("return document.querySelector('#live').dataset.state") == "live", "the page is live")

    def size(self, width, height=900):
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def prefer(self, **features):
        features = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def picture(self, name):
        if not PICTURES:
            return
        height = self.script("return document.documentElement.scrollHeight")
        clip = {"x": 0, "y": 0, "width": self.script("return innerWidth"), "height": height, "scale": 1}
        shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"clip": clip, "captureBeyondViewport": True})
        (PICTURES / f"{name}.png").write_bytes(base64.b64decode(shot["data"]))

    def is_accessible(self, what):
        self.script(AXE)
        found = self.driver.execute_async_script("axe.run(document, {resultTypes: ['violations']}).then(arguments[0])")
        told = [(it["id"], [node["html"][:200] + " " + node["failureSummary"] for node in it["nodes"][:3]]) for it in found["violations"]]
        assert not told, f"{what}: {told}"

    def fits(self, width):
        self.size(width)
        wide = self.script("return document.documentElement.scrollWidth")
        assert wide <= width, f"{wide} px are needed, and there are {width}"

    def breaks_no_word(self, css):
        broken = self.script("""return [...document.querySelectorAll(arguments[0])].filter(it => {
            const range = document.createRange();
            range.selectNodeContents(it);
            return !it.textContent.includes(' ') && range.getClientRects().length > 1;
        }).map(it => it.textContent)""", css)
        assert not broken, f"words are broken: {broken}"

    def is_quiet(self):
        said = [entry for entry in self.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
        assert not said, said


def shows_a_run(driver):
    with Service(PROGRAM, ["--books", "300", "--pages", "8", "--image-bytes", "20000", "--delay-ms", "60", "--faults"]) as service:
        page = Page(driver, service.address)
        assert "grind" in driver.title and "TESTLIB" in driver.title, driver.title
        headings = page.script("return [...document.querySelectorAll('h2')].map(it => it.textContent)")
        missing = [heading for heading in HEADINGS if heading not in headings]
        assert not missing, (missing, headings)
        sizes = page.script(
            "return performance.getEntries().filter(it => it.transferSize && !it.name.endsWith('/events')).map(it => [it.name, it.transferSize])"
        )
        assert len(sizes) >= 3 and sum(size for _, size in sizes) <= FIRST_PAINT, sizes
        print("first paint:", sum(size for _, size in sizes), "bytes", sizes)

        page.is_live()
        page.script("window.marker = document.querySelector('#actor-downloader'); marker.dataset.mark = 1")
        before = page.text(".far")
        page.wait(lambda: page.text(".far") not in ("", before), "more books are stored, without a reload")
        assert page.script("return window.marker.isConnected"), "what stays is not replaced"

        for scheme in ("light", "dark"):
            page.prefer(prefers_color_scheme=scheme)
            for width in (1440, 320):
                page.fits(width)
                page.breaks_no_word(".permits th, .permits td")
                page.is_accessible(f"{scheme}, {width} px")
                page.picture(f"{scheme}-{width}")
        page.prefer(prefers_color_scheme="light")
        for width in (768, 2560):
            page.fits(width)
        page.size(1440)

        motion = "return getComputedStyle(document.querySelector('.share rect')).transitionDuration"
        page.prefer(prefers_reduced_motion="no-preference")
        assert page.script(motion) != "0s"
        page.prefer(prefers_reduced_motion="reduce")
        assert page.script(motion) == "0s"

        page.script("document.activeElement.blur(); scrollTo(0, 0)")
        focused = []
        for _ in range(4):
            webdriver.ActionChains(driver).send_keys(Keys.TAB).perform()
            focused.append(page.script("return document.activeElement.textContent"))
        assert focused[0] == "Skip to the content" and len(set(focused)) > 2, focused

        page.wait(lambda: page.script("return document.querySelectorAll('ul.failed a').length"), "a book has failed")
        page.picture("failures-1440")
        page.is_quiet()
        failed = page.text("ul.failed a")
        page.script("document.querySelector('ul.failed a').click()")
        page.wait(lambda: driver.current_url.endswith(f"/book/{failed}"), "the story of the book")
        assert failed in page.text("h2") and "Given up" in page.text(".why"), page.text("main")
        for scheme in ("light", "dark"):
            page.prefer(prefers_color_scheme=scheme)
            page.is_accessible(f"the story, {scheme}")
        page.fits(320)
        page.picture("book-320")
        page.size(1440)
        page.picture("book-1440")
        page.is_quiet()

        page = Page(driver, service.address + "/config")
        assert 'directory = "TESTLIB"' in page.text("pre")
        page.is_accessible("the config")
        page.fits(320)
        page.is_quiet()


def shows_a_thread_that_stands_still(driver):
    environment = {"WATCHDOG_USEC": "2000000", "GRIND_DEBUG_WEDGE": "session"}
    with Service(PROGRAM, ["--books", "20", "--pages", "2"], environment) as service:
        page = Page(driver, service.address)
        red = "return [...document.querySelectorAll('.actor.bad')].map(it => it.id)"
        page.wait(lambda: page.script(red) == ["actor-session_owner"], "the actor turns red")
        assert "does not answer" in page.text("#headline"), page.text("#headline")
        assert "thread session has not answered" in page.text("#person")
        page.wait(lambda: "session_owner" in page.text("#chain .chain"), "the chain leads to it")
        for scheme in ("light", "dark"):
            page.prefer(prefers_color_scheme=scheme)
            page.size(1440)
            page.is_accessible(f"a stuck thread, {scheme}")
            page.picture(f"stuck-{scheme}")
        page.is_quiet()


def shows_an_actor_that_stands_still(driver):
    environment = {"WATCHDOG_USEC": "2000000", "GRIND_DEBUG_WEDGE": "session_owner"}
    with Service(PROGRAM, ["--books", "20", "--pages", "2"], environment) as service:
        page = Page(driver, service.address)
        red = "return [...document.querySelectorAll('.actor.bad')].map(it => it.id)"
        page.wait(lambda: page.script(red) == ["actor-session_owner"], "the actor turns red")
        assert "A part of the daemon stands still: session_owner" in page.text("#headline"), page.text("#headline")
        assert "The actor session_owner has stood still" in page.text("#person"), page.text("#person")
        chain = "return [...document.querySelectorAll('#chain .chain li b')].map(it => it.textContent)"
        page.wait(lambda: page.script(chain)[-1:] == ["session_owner"], "the chain ends at it")
        page.size(1440)
        page.is_accessible("a stalled actor")
        page.picture("stalled")
        page.is_quiet()


def answers_while_the_main_thread_stands_still(driver):
    environment = {"WATCHDOG_USEC": "2000000", "GRIND_DEBUG_WEDGE": "main"}
    with Service(PROGRAM, ["--books", "20", "--pages", "2"], environment) as service:
        page = Page(driver, service.address)
        page.wait(lambda: "does not answer" in page.text("#headline"), "the headline says so")
        page.is_live()
        before = page.text("footer time")
        page.wait(lambda: page.text("footer time") != before, "it stays live")
        red = page.script("return [...document.querySelectorAll('.actor.bad')].map(it => it.id)")
        assert "actor-supervisor" in red and "actor-session_owner" not in red, red
        assert "grind_actors" in service.get("/metrics")
        page.is_quiet()


def outlives_the_daemon(driver):
    with Service(PROGRAM, ["--books", "5", "--pages", "2"]) as service:
        page = Page(driver, service.address)
        page.is_live()
        service.kill()
        page.wait(lambda: "Not live since" in page.text("#live"), "it says that it is not live")
        page.picture("lost-1440")
        service.start()
        page.is_live()
        assert "http-equiv=\"refresh\"" in service.get("/"), "without script it is loaded again"


def loads_where_too_many_watch(driver):
    with Service(PROGRAM, ["--books", "5", "--pages", "2"]) as service:
        others = [service.watch() for _ in range(8)]
        page = Page(driver, service.address)
        page.wait(lambda: page.text("#live").startswith("Loaded every 10 seconds"), "it is loaded instead")
        before = page.text("footer time")
        page.wait(lambda: page.text("footer time") != before, "it is loaded again")
        for other in others:
            other.close()
        page.is_live()


def fits_the_report_of_a_bench(driver):
    with tempfile.TemporaryDirectory() as folder:
        # The widest tables: spreads of several rounds.
        bench = [PROGRAM, "bench", "sessions", "--quick", "--rounds", "2", "--only", "HEADs only", "--report", folder]
        subprocess.run(bench, check=True, capture_output=True)
        page = Page(driver, f"file://{folder}/report.html")
        page.fits(1280)
        wide = "return [...document.querySelectorAll('.wide')].filter(it => it.scrollWidth > it.clientWidth).map(it => it.ariaLabel)"
        assert page.script(wide) == [], page.script(wide)
        page.picture("report-1280")
        page.is_quiet()


def main():
    driver = browser()
    try:
        for part in (shows_a_run, shows_a_thread_that_stands_still, shows_an_actor_that_stands_still, answers_while_the_main_thread_stands_still, outlives_the_daemon,
                     loads_where_too_many_watch, fits_the_report_of_a_bench):
            part(driver)
            print("ok", part.__name__)
    finally:
        driver.quit()


main()
