"use strict";
// Puts what the daemon says into the page. Only what differs is touched, so that focus, selection and opened details stay.
(() => {
  const main = document.getElementById("main");
  const live = document.getElementById("live");
  let lost;
  const build = () => main.querySelector("footer").dataset.build;
  const seconds = () => main.querySelector("footer").dataset.loadAgainSeconds;

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
    const now = new DOMParser().parseFromString(html, "text/html").querySelector("main");
    const before = build();
    children(main, now);
    if (build() !== before) location.reload();
  };

  // No stream is to be had: too many watch. The page is loaded as it is, until one is free.
  const load = async () => {
    setTimeout(watch, seconds() * 1000);
    try {
      const answer = await fetch("/");
      if (!answer.ok) return;
      show(await answer.text());
      clearTimeout(lost);
      lost = undefined;
      say("loaded", `Loaded every ${seconds()} seconds: too many watch it live`);
    } catch {
      // Without an answer it is said to be lost.
    }
  };

  const watch = () => {
    const events = new EventSource("/events");
    events.onmessage = ({ data }) => {
      clearTimeout(lost);
      lost = undefined;
      show(`<main>${data}</main>`);
      say("live", "Live");
    };
    events.onerror = () => {
      // The daemon ends a stream now and then; the browser begins another one at once.
      const since = new Date().toLocaleTimeString();
      lost ??= setTimeout(say, 5000, "lost", `Not live since ${since}: the daemon does not answer. Trying again.`);
      if (events.readyState === EventSource.CLOSED) load();
    };
  };

  watch();
})();
