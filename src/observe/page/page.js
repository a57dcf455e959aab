"use strict";
// Puts what the daemon says into the page. Only what differs is touched, so that focus, selection and opened details stay.
(() => {
  const main = document.getElementById("main");
  const live = document.getElementById("live");
  let lost;
  const build = () => main.querySelector("footer").dataset.build;

  const say = (state, words) => {
    if (live.dataset.state === state) return;
    live.dataset.state = state;
    live.textContent = words;
  };

  const same = (one, other) =>
    one.nodeType === other.nodeType && one.nodeName === other.nodeName && one.id === other.id;

  const renew = (old, now) => {
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.data !== now.data) old.data = now.data;
      return;
    }
    for (const { name } of [...old.attributes]) {
      // A person opened it.
      if (!now.hasAttribute(name) && name !== "open") old.removeAttribute(name);
    }
    for (const { name, value } of now.attributes) {
      if (old.getAttribute(name) !== value && name !== "open") old.setAttribute(name, value);
    }
    children(old, now);
  };

  const children = (old, now) => {
    const wanted = [...now.childNodes];
    wanted.forEach((child, at) => {
      const there = old.childNodes[at];
      if (!there) old.append(child);
      else if (same(there, child)) renew(there, child);
      else there.replaceWith(child);
    });
    while (old.childNodes.length > wanted.length) old.lastChild.remove();
  };

  const show = (html) => {
    const now = new DOMParser().parseFromString(`<main>${html}</main>`, "text/html").querySelector("main");
    const before = build();
    children(main, now);
    if (build() !== before) location.reload();
    say("live", "Live");
  };

  const watch = () => {
    const events = new EventSource("/events");
    events.onmessage = ({ data }) => {
      clearTimeout(lost);
      lost = undefined;
      show(data);
    };
    events.onerror = () => {
      // The daemon ends a stream now and then; the browser begins another one at once.
      const since = new Date().toLocaleTimeString();
      lost ??= setTimeout(say, 5000, "lost", `Not live since ${since}: the daemon does not answer. Trying again.`);
      if (events.readyState === EventSource.CLOSED) setTimeout(watch, 5000);
    };
  };

  watch();
})();
