/** A customer's name in a line that has no room for all of it. */

import { t } from "../../ui/i18n";
import type { Person } from "../../wire";
import { customerName, shortClaim, wholeName } from "./words";

/** Stands where the name does while the sentence around it is taken apart. */
const GAP = "\u0000";

/**
 * Ends in an ellipsis where it must, and has the whole name in its tooltip. Of a claim the address stands last and gives way first
 * (an ellipsis within the line would leave a gap behind it), then the name, but never that nobody stands by it.
 */
export function CustomerName({ customer }: { customer: Person }) {
  const { claimed, name } = customer;
  const whole = wholeName(customer);
  if (!claimed)
    return (
      <span class="one-line" title={whole}>
        {customerName(customer)}
      </span>
    );
  const [before, after] = t("console.claimed.short", { claimed: GAP }).split(GAP);
  return (
    <span class="claim" title={whole}>
      {before}
      <span class="one-line">{shortClaim(claimed)}</span>
      {after}
      <span class="one-line claim-address"> · {name}</span>
    </span>
  );
}
