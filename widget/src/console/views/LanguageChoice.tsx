import { locale, t } from "../../ui/i18n";
import { LANGUAGES, type Language, language } from "../settings";

/** Each language by its own name: whoever needs it does not read the present one. */
const NAMES: Record<Language, string> = { es: "Español", en: "English", pt: "Português" };

export function LanguageChoice() {
  return (
    <label class="choice">
      <span>{t("console.language")}</span>
      <select
        value={locale.value}
        onChange={({ currentTarget }) => {
          language.value = currentTarget.value as Language;
        }}
      >
        {LANGUAGES.map((code) => (
          <option value={code} lang={code}>
            {NAMES[code]}
          </option>
        ))}
      </select>
    </label>
  );
}
