// Names and values, side by side.
import { Fragment, type ReactNode } from "react";

export type Fact = readonly [name: string, value: ReactNode] | null | undefined | false;

export function Facts({ list }: { list: readonly Fact[] }) {
  return (
    <dl className="facts">
      {list.map(
        (fact) =>
          fact && (
            <Fragment key={fact[0]}>
              <dt>{fact[0]}</dt>
              <dd>{fact[1]}</dd>
            </Fragment>
          ),
      )}
    </dl>
  );
}
