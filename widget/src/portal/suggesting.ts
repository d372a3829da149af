/**
 * Help articles and the person's own open tickets, while a subject is typed. Which articles were opened goes along with the form:
 * a ticket that is sent all the same was not spared by them (docs/articles.md).
 */

interface Article {
  id: number;
  title: string;
  url: string;
}

interface Ticket {
  number: number;
  subject: string;
  url: string;
}

/** ms without a further letter before anything is asked, and characters that say something. */
const PAUSE = 350;
const LEAST = 3;

export function suggesting(root: HTMLElement, subject: HTMLInputElement): void {
  const { articles, tickets, count } = root.dataset;
  const opened = root.querySelector<HTMLInputElement>("input[name='opened']");
  const status = root.querySelector<HTMLElement>("[role='status']");
  let timer = 0;
  let asked = subject.value.trim();
  let turn = 0;

  async function look(): Promise<void> {
    const text = subject.value.trim();
    if (text === asked) return;
    asked = text;
    turn += 1;
    const mine = turn;
    const enough = text.length >= LEAST;
    const [helping, similar] = await Promise.all([
      enough ? ask<{ articles: Article[] }>(articles, text) : undefined,
      enough ? ask<{ tickets: Ticket[] }>(tickets, text) : undefined,
    ]);
    if (mine !== turn) return; // another letter was typed meanwhile
    const found = [
      show(
        "#suggested-articles",
        (helping?.articles ?? []).map((one) => link(one.url, one.title, one.id)),
      ),
      show(
        "#suggested-tickets",
        (similar?.tickets ?? []).map((one) => link(one.url, `#${one.number} ${one.subject}`)),
      ),
    ];
    if (status) status.textContent = found.some(Boolean) ? (status.dataset.found ?? "") : "";
  }

  function show(selector: string, links: HTMLElement[]): boolean {
    const section = root.querySelector<HTMLElement>(selector);
    section?.querySelector("ul")?.replaceChildren(
      ...links.map((one) => {
        const item = document.createElement("li");
        item.append(one);
        return item;
      }),
    );
    if (section) section.hidden = !links.length;
    return links.length > 0;
  }

  function link(url: string, text: string, article = 0): HTMLElement {
    const made = document.createElement("a");
    made.href = url;
    made.target = "_blank";
    made.rel = "noopener";
    made.textContent = text;
    if (article) made.addEventListener("click", () => was(article));
    return made;
  }

  function was(article: number): void {
    const ids = opened?.value.split(" ").filter(Boolean) ?? [];
    if (!opened || ids.includes(String(article))) return;
    opened.value = [...ids, article].join(" ");
    void fetch(`${count}${article}`, { method: "POST", keepalive: true }).catch(() => {});
  }

  subject.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(look, PAUSE);
  });
}

async function ask<Answer>(address: string | undefined, text: string): Promise<Answer | undefined> {
  if (!address) return undefined;
  try {
    const answer = await fetch(address + encodeURIComponent(text), {
      headers: { accept: "application/json" },
    });
    return answer.ok ? await answer.json() : undefined;
  } catch {
    return undefined; // nobody misses a suggestion
  }
}
