/** Links as agents see them: with the host as servers write it, since letters of another alphabet look like
 * ours. The widget has no room for that: its links end and stand as these do (ui/links.tsx). */

import type { ComponentChildren } from "preact";
import { linkParts } from "../../ui/links";

const FOREIGN_HOST = /^(\w+:\/\/)?[^/?#\\]*[^\0-~][^/?#\\]*/;

export function Linked({ text }: { text: string }): ComponentChildren {
  return linkParts(text).map((part) => (part.href ? <Link text={part.text} href={part.href} /> : part.text));
}

/** The text as a link if it is one as a whole, else as text. */
export function SafeLink({ text }: { text: string }): ComponentChildren {
  const link = linkParts(text).find((part) => part.href);
  return link?.href && link.text === text ? <Link text={text} href={link.href} /> : text;
}

interface LinkProps {
  text: string;
  href: string;
}

function Link({ text, href }: LinkProps) {
  return (
    <a dir="ltr" href={href} target="_blank" rel="noopener noreferrer nofollow">
      {called(text, href)}
    </a>
  );
}

/** What a link is called: `https://xn--….com/ñ` of what is written in letters that a browser would ask for as that. */
export function called(text: string, href: string): string {
  return text.replace(FOREIGN_HOST, (_, scheme = "") => scheme + new URL(href).host);
}
