import type { Status } from "../../wire";

interface Props {
  name: string;
  /** Of a customer: what tells unnamed visitors apart. */
  alias?: string;
  status?: Status | "here" | "gone" | undefined;
}

/** Initials on a neutral ground; the dot says an agent's status, or whether a customer is connected. */
export function Avatar({ name, alias, status }: Props) {
  const unnamed = alias && name.endsWith(alias);
  return (
    <span class="avatar" aria-hidden="true" data-status={status}>
      {unnamed ? alias.slice(0, 2) : initials(name)}
    </span>
  );
}

export function initials(name: string): string {
  const parts = name.split(/\s+/).filter(Boolean);
  const letters = [parts[0], parts.length > 1 ? parts.at(-1) : ""].map((part) => [...(part ?? "")][0] ?? "");
  return letters.join("").toUpperCase();
}
