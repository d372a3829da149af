/** **Correo**, **Contraseña**, **Ingresar**: a real form, so that password managers know it. */

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { t } from "../../ui/i18n";
import { duration } from "../../ui/time";
import type { SignIn as Answer, Session } from "../session";
import { LanguageChoice } from "./LanguageChoice";

interface Props {
  session: Session;
  /** Why the person is here again: a sentence, or "". */
  notice: string;
  entered(): void;
}

export function SignIn({ session, notice, entered }: Props) {
  const form = useRef<HTMLFormElement>(null);
  const problem = useSignal("");
  const asking = useSignal(false);

  useEffect(() => {
    document.title = t("console.signin.title");
    form.current?.querySelector("input")?.focus();
  }, []);

  const submit = async (event: Event) => {
    event.preventDefault();
    if (asking.value || !form.current) return;
    const data = new FormData(form.current);
    const email = String(data.get("email") ?? "").trim();
    const password = String(data.get("password") ?? "");
    if (!email || !password) {
      problem.value = t("console.signin.missing");
      form.current.querySelector<HTMLInputElement>(email ? "#password" : "#email")?.focus();
      return;
    }
    asking.value = true;
    problem.value = "";
    const answer = await session.signIn(email, password);
    asking.value = false;
    if (answer.kind === "in") return entered();
    problem.value = sentence(answer);
    form.current.querySelector<HTMLInputElement>("#password")?.select();
  };

  return (
    <main class="signin">
      <form
        class="signin-card"
        method="post"
        action="/console/session"
        noValidate
        onSubmit={submit}
        ref={form}
      >
        <span class="mark" aria-hidden="true" />
        <h1>{t("console.signin.heading")}</h1>
        <p class="soft">{t("console.signin.lead")}</p>
        {notice && <p class="line">{notice}</p>}
        <p class="line" data-tone="danger" role="alert" hidden={!problem.value}>
          {problem.value}
        </p>
        <label class="field">
          <span>{t("console.signin.email")}</span>
          <input id="email" name="email" type="email" autocomplete="username" inputMode="email" required />
        </label>
        <label class="field">
          <span>{t("console.signin.password")}</span>
          <input id="password" name="password" type="password" autocomplete="current-password" required />
        </label>
        <button class="button" data-kind="primary" type="submit" aria-disabled={asking.value}>
          {t("console.signin.submit")}
        </button>
        <p class="soft">{t("console.signin.forgotten")}</p>
      </form>
      <LanguageChoice />
    </main>
  );
}

function sentence(answer: Exclude<Answer, { kind: "in" }>): string {
  switch (answer.kind) {
    case "wrong":
      return t("console.signin.wrong");
    case "slow":
      return t("console.signin.slow", { time: duration(answer.seconds) });
    case "refused":
      return answer.message;
    case "failed":
      return t("console.signin.failed");
  }
}
