/** **Ver correo original**: what came in, as text; the whole of it, and what was attached, to be saved. */

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { fileSize } from "../../ui/files";
import { errorText, t } from "../../ui/i18n";
import { clockTime, dayName } from "../../ui/time";
import { minute } from "../clockwork";
import type { Console } from "../console";
import type { Mail } from "../mail";
import { Alert } from "./Alert";
import { useCopying } from "./copying";
import { Dialog } from "./Dialog";
import { Fact } from "./Fact";
import { Icon } from "./icons";

interface Props {
  console: Console;
  ticket: number;
  /** Where the mail is to be had. */
  place: string;
  close(): void;
}

export function MailDialog({ console, ticket, place, close }: Props) {
  const mail = useSignal<Mail | null>(null);
  const problem = useSignal("");
  useEffect(() => {
    void console.mail(place).then((answer) => {
      if (answer.kind === "done") mail.value = answer.value;
      else problem.value = answer.kind === "failed" ? t("console.mail.unreachable") : reason(answer.code);
    });
  }, [console, place]);
  return (
    <Dialog title={t("console.mail.title")} close={close} wide>
      {problem.value && <Alert>{problem.value}</Alert>}
      {!mail.value && !problem.value && <p class="soft">{t("console.loading")}</p>}
      {mail.value && (
        <Letter mail={mail.value} base={place}>
          <Others console={console} ticket={ticket} place={place} others={mail.value.others} />
        </Letter>
      )}
    </Dialog>
  );
}

function reason(code: string): string {
  return code === "not_found" ? t("console.mail.gone") : errorText(code);
}

interface OthersProps extends Omit<Props, "close"> {
  others: readonly string[];
}

/** Whom the mail names besides: From and Cc are anybody's claims, so that they get answers is the agent's to say. */
function Others({ console, ticket, place, others }: OthersProps) {
  const { tickets, threads, me } = console.desk.value;
  const { busy, copy, refused } = useCopying(console, ticket, place);
  const attended = tickets.get(ticket);
  const copied = threads.get(ticket)?.form?.cc ?? [];
  const left = others.filter((address) => !copied.includes(address));
  if (others.length === 0) return null;
  const addresses = (left.length > 0 ? left : others).join(", ");
  return (
    <div class="line mail-others">
      <span role="status">
        {t(left.length > 0 ? "console.mail.others" : "console.mail.copied", { addresses })}
      </span>
      {left.length > 0 && attended?.agent_id === me?.id && attended?.state !== "closed" && (
        <button type="button" class="button" disabled={busy} onClick={() => copy(left)}>
          {t("console.mail.copy")}
        </button>
      )}
      {refused && <Alert>{refused}</Alert>}
    </div>
  );
}

function Letter({ mail, base, children }: { mail: Mail; base: string; children: ComponentChildren }) {
  const from = mail.name ? `${mail.name} <${mail.address}>` : mail.address;
  return (
    <>
      <dl class="mail-head">
        <Fact name={t("console.mail.from")}>
          {from} {!mail.verified && <span class="because">{t("console.mail.unverified")}</span>}
        </Fact>
        <Fact name={t("console.mail.to")}>{mail.to.join(", ")}</Fact>
        <Fact name={t("console.mail.cc")}>{mail.cc.join(", ")}</Fact>
        <Fact name={t("console.mail.date")}>
          {mail.date !== null && `${dayName(mail.date, minute.value)}, ${clockTime(mail.date)}`}
        </Fact>
        <Fact name={t("console.mail.subject")}>{mail.subject}</Fact>
      </dl>
      {children}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: whoever has no mouse scrolls it with the keys */}
      <div class="mail-text" tabIndex={0} role="document" aria-label={t("console.mail.text")}>
        {mail.pieces.map((piece) => (
          <p data-kind={piece.kind}>{piece.text}</p>
        ))}
      </div>
      {!mail.whole && <p class="soft">{t("console.mail.cut")}</p>}
      {mail.files.length > 0 && (
        <ul class="mail-files" aria-label={t("common.file_list")}>
          {mail.files.map(({ place, name, bytes }) => (
            <li key={place}>
              <a href={`${base}/files/${place}`} download>
                <Icon name="attach" />
                {name || t("console.mail.unnamed")} <span class="soft">{fileSize(bytes)}</span>
              </a>
            </li>
          ))}
        </ul>
      )}
      <details class="mail-headers">
        <summary>{t("console.mail.headers")}</summary>
        <dl>
          {mail.headers.map(([name, value]) => (
            <Fact name={name}>{value}</Fact>
          ))}
        </dl>
      </details>
      <p class="dialog-row">
        <a class="button" href={`${base}/original`} download>
          {t("console.mail.save", { size: fileSize(mail.bytes) })}
        </a>
      </p>
    </>
  );
}
