import { t } from "../../ui/i18n";
import { Icon } from "./icons";

export function Stars({ count }: { count: number }) {
  return (
    <span class="stars" role="img" aria-label={t("console.rating", { stars: count })}>
      {[1, 2, 3, 4, 5].map((star) => (
        <Icon key={star} name="star" filled={star <= count} />
      ))}
    </span>
  );
}
