/** Draw a component again only when one of its props is another value: what keeps a list of 200 rows fast. */

import { Component, type ComponentChild, type FunctionComponent } from "preact";

export function memo<P extends object>(view: FunctionComponent<P>): FunctionComponent<P> {
  class Memo extends Component<P> {
    override shouldComponentUpdate(next: Readonly<P>): boolean {
      const mine = this.props as Readonly<P>;
      const keys = new Set([...Object.keys(mine), ...Object.keys(next)]) as Set<keyof P>;
      return [...keys].some((key) => mine[key] !== next[key]);
    }

    override render(props: P): ComponentChild {
      return view(props) as ComponentChild;
    }
  }
  return Memo as unknown as FunctionComponent<P>;
}
