/** What the views are put together from. */

import type { ComponentChildren } from "preact";
import type { Room } from "../state/customer";
import { t } from "../ui/i18n";
import { Icon, type IconName } from "../ui/icons";
import { again, type ChunkName, type Chunks, chunk, isMissing } from "./chunks";
import * as model from "./model";

/** For views of one ticket. */
export interface WithRoom {
  room: Room;
}

interface HeaderProps {
  title: string;
  /** One line under the title. */
  line?: string;
  /** Who attends: the initials stand beside the title. */
  person?: string;
}

export function Header({ title, line, person }: HeaderProps) {
  const button = (icon: IconName, label: string, press: () => void) => (
    <button type="button" class="bare" aria-label={label} title={label} onClick={press}>
      <Icon name={icon} />
    </button>
  );
  return (
    <header>
      {model.route.value.view !== "home" && button("back", t("widget.back"), () => model.back())}
      {person && (
        <span class="avatar" aria-hidden="true">
          {initials(person)}
        </span>
      )}
      <div class="titles">
        <h1 tabIndex={-1}>{title}</h1>
        <p>{line}</p>
      </div>
      {button("close", t("widget.close"), model.close)}
    </header>
  );
}

/** Grey lines where something will be; they show only after 300 ms. */
export const Skeleton = () => (
  <div class="skeleton" role="status" aria-label={t("widget.loading")}>
    <i />
    <i />
    <i />
  </div>
);

interface LateProps<N extends ChunkName> {
  name: N;
  /** Nobody waits for it. */
  quiet?: boolean;
  children: (there: Chunks[N]) => ComponentChildren;
}

/** What a chunk draws; until it has come grey lines, and where it does not come a way to ask again. */
export function Late<N extends ChunkName>({ name, quiet, children }: LateProps<N>) {
  const there = chunk(name);
  if (there) return <>{children(there)}</>;
  if (isMissing(name)) return <Missing name={name} />;
  return quiet ? null : <Skeleton />;
}

export const Missing = ({ name }: { name: ChunkName }) => (
  <div class="line" role="alert">
    <p>{t("widget.missing")}</p>
    <Button onClick={() => void again(name)}>{t("widget.retry")}</Button>
  </div>
);

/** A button; most are. */
export const Button = ({ children, look, ...rest }: ButtonProps) => (
  <button type="button" class={look} {...rest}>
    {children}
  </button>
);

interface ButtonProps {
  children: ComponentChildren;
  look?: string;
  onClick: () => void;
  "data-first"?: boolean;
  "aria-busy"?: boolean;
}

const initials = (name: string) =>
  name
    .split(/\s+/)
    .slice(0, 2)
    .map((word) => word[0])
    .join("");
