// The help centre with a script: suggestions while somebody types, a word about an article without leaving it, and views counted.
// Every page works without it. Nothing is stored here, and nothing says who reads.
(() => {
  const GIVE_UP = 2_000_000;

  const post = (url, fields) =>
    fetch(url, {
      method: "POST",
      credentials: "same-origin",
      keepalive: true,
      headers: { accept: "application/json" },
      body: fields,
    });

  // — views: once somebody looks —
  const article = document.querySelector("[data-seen]");
  if (article) {
    const seen = () => {
      if (document.visibilityState !== "visible") return;
      document.removeEventListener("visibilitychange", seen);
      post(article.dataset.seen).catch(() => {});
    };
    document.addEventListener("visibilitychange", seen);
    seen();
  }

  // — was it useful —
  const box = document.querySelector("[data-feedback]");
  // Where there is no crypto (plain http on another machine) the form of the server's own page does.
  if (box && globalThis.crypto?.subtle) {
    const { feedback: url, thanks, failed, sending, reason } = box.dataset;
    const [answers, why] = box.querySelectorAll("form");
    const said = box.querySelector(".said");
    let asked = null;
    const ask = () => {
      asked ??= fetch(url, { headers: { accept: "application/json" }, cache: "no-store" })
        .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error("no question"))))
        .then((question) => ({ ...question, at: performance.now() }));
      asked.catch(() => {
        asked = null;
      });
      return asked;
    };
    new IntersectionObserver((entries, observer) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      observer.disconnect();
      ask().catch(() => {});
    }).observe(box);

    const tell = (text, tone = "") => {
      said.textContent = text;
      said.dataset.tone = tone;
    };

    const send = async (fields) => {
      tell(sending);
      try {
        const { token, bits, at } = await ask();
        asked = null; // a second word needs a token of its own
        fields.set("token", token);
        fields.set("work", await work(token, bits));
        const early = 3200 - (performance.now() - at);
        if (early > 0) await new Promise((go) => setTimeout(go, early));
        const answer = await post(url, fields);
        if (answer.ok) {
          why.hidden = true;
          tell(thanks);
          return;
        }
        const { code } = await answer.json().catch(() => ({}));
        tell(code === "reason_required" ? reason : failed, "danger");
      } catch {
        tell(failed, "danger");
      }
    };

    answers.addEventListener("submit", (event) => {
      event.preventDefault();
      const chosen = event.submitter?.value === "no" ? "no" : "yes";
      for (const button of answers.querySelectorAll("button")) {
        button.setAttribute("aria-pressed", String(button.value === chosen));
      }
      why.hidden = chosen === "yes";
      if (chosen === "yes") send(new URLSearchParams({ useful: "yes" }));
      else {
        tell("");
        ask().catch(() => {});
        why.querySelector("input").focus();
      }
    });
    why.addEventListener("submit", (event) => {
      event.preventDefault();
      const fields = new URLSearchParams(new FormData(why));
      const given = fields.getAll("reason");
      if (given.length === 0 || (given.join() === "other" && !fields.get("comment").trim())) {
        tell(reason, "danger");
        return;
      }
      fields.set("useful", "no");
      send(fields);
    });
  }

  /** A number behind the token with which SHA-256 begins with so many zero bits. */
  async function work(token, bits) {
    const bytes = new TextEncoder();
    for (let tried = 0; tried < GIVE_UP; tried += 64) {
      const many = Array.from({ length: 64 }, (_, i) =>
        crypto.subtle.digest("SHA-256", bytes.encode(`${token}:${tried + i}`)),
      );
      const digests = await Promise.all(many);
      const found = digests.findIndex((one) => new DataView(one).getUint32(0) >>> (32 - bits) === 0);
      if (found >= 0) return String(tried + found);
    }
    throw new Error("no number found");
  }

  // — suggestions —
  for (const form of document.querySelectorAll("[data-suggest]")) suggest(form);

  function suggest(form) {
    const input = form.querySelector("input");
    const list = document.createElement("nav");
    list.className = "suggested";
    list.hidden = true;
    list.setAttribute("aria-label", input.labels[0].textContent);
    const told = document.createElement("p");
    told.className = "sr-only";
    told.setAttribute("role", "status");
    form.append(list, told);
    let timer = 0;
    let latest = "";

    const look = async () => {
      const question = input.value.trim();
      latest = question;
      if (question.length < 3) {
        show([], "");
        return;
      }
      try {
        const answer = await fetch(`${form.dataset.suggest}&q=${encodeURIComponent(question)}`);
        if (!answer.ok || latest !== question) return;
        show((await answer.json()).articles, question);
      } catch {}
    };
    const show = (articles, question) => {
      list.hidden = articles.length === 0;
      list.replaceChildren(
        ...articles.map(({ url, title, excerpt }) => {
          const link = document.createElement("a");
          link.href = url;
          link.textContent = title;
          const more = document.createElement("span");
          more.textContent = excerpt;
          link.append(more);
          return link;
        }),
      );
      const { none, some } = form.dataset;
      told.textContent = !question ? "" : articles.length ? some.replace("{count}", articles.length) : none;
    };
    input.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(look, 180);
    });
    form.addEventListener("keydown", (event) => {
      const stops = [input, ...list.querySelectorAll("a")];
      const at = stops.indexOf(document.activeElement);
      if (event.key === "Escape" && !list.hidden) {
        event.preventDefault();
        list.hidden = true;
        input.focus();
      } else if (at >= 0 && !list.hidden && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
        event.preventDefault();
        stops[(at + (event.key === "ArrowDown" ? 1 : stops.length - 1)) % stops.length].focus();
      }
    });
    form.addEventListener("focusout", ({ relatedTarget }) => {
      if (!form.contains(relatedTarget)) list.hidden = true;
    });
  }
})();
