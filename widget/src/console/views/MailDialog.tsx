/** **Ver correo original**: what came in, as text; the whole of it, and what was attached, to be saved. */

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { fileSize } from "../../ui/files";
import { errorText, t } from "../../ui/i18n";
import { clockTime, dayName } from "../../ui/time";
import { minute } from "../clockwork";
import type { Console } from "../console";
import type { Mail } from "../mail";
import { Alert } from "./Alert";
import { Dialog } from "./Dialog";
import { Fact } from "./Fact";
import { Icon } from "./icons";

interface Props {
  console: Console;
  /** Where the mail is to be had. */
  place: string;
  close(): void;
}

export function MailDialog({ console, place, close }: Props) {
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
      {mail.value && <Letter mail={mail.value} base={place} />}
    </Dialog>
  );
}

function reason(code: string): string {
  return code === "not_found" ? t("console.mail.gone") : errorText(code);
}

function Letter({ mail, base }: { mail: Mail; base: string }) {
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
