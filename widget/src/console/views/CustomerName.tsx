/** A customer's name in a line that has no room for all of it. */

import { t } from "../../ui/i18n";
import type { Person } from "../../wire";
import { customerName, shortClaim, wholeName } from "./words";

/** Stands where a name does while the sentence around it is taken apart. */
const GAP = "\u0000";

/**
 * Ends in an ellipsis where it must, and has the whole name in its tooltip. Of a claim the address gives way, then the name, but
 * never that nobody stands by it; where there is no room for three things the address is left out.
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
  const [before, between, after] = t("console.claimed", { claimed: GAP, name: GAP }).split(GAP);
  const [first, last] = t("console.claimed.short", { claimed: GAP }).split(GAP);
  const short = <span class="one-line">{shortClaim(claimed)}</span>;
  return (
    <span class="claim-place" title={whole}>
      <span class="claim">
        {before}
        {short}
        {between}
        <span class="one-line claim-address">{name}</span>
        {after}
      </span>
      <span class="claim" data-short>
        {first}
        {short}
        {last}
      </span>
    </span>
  );
}
