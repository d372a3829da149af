/** Our own icons: 20 px grid, 1.5 px stroke. They say nothing by themselves: a label stands beside them or on the button. */

const SHAPES = {
  back: "M12 4.5 6.5 10l5.5 5.5",
  close: "m5 5 10 10M15 5 5 15",
  waiting: "M10 5.5V10l3 2M17 10a7 7 0 1 1-14 0 7 7 0 0 1 14 0",
  sent: "m4.5 10.5 3.5 3.5 7.5-8",
  seen: "m2 10.5 3.5 3.5L13 6m-4.5 7 1 1L18 6",
  failed: "M10 6v4.5m0 3v.2M17 10a7 7 0 1 1-14 0 7 7 0 0 1 14 0",
  down: "M10 4v11.5m-4.5-4L10 16l4.5-4.5",
  star: "m10 2.8 2.2 4.6 5 .7-3.6 3.5.9 5-4.5-2.4-4.5 2.4.9-5L2.8 8.1l5-.7z",
} as const;

export type IconName = keyof typeof SHAPES;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 20 20" aria-hidden="true">
      <path d={SHAPES[name]} />
    </svg>
  );
}
