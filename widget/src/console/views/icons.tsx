/** Our own icons: 20 px grid, 1.5 px stroke, always beside a word. */

const PATHS = {
  chats: [
    "M4 4.5h12a1 1 0 0 1 1 1v7a1 1 0 0 1-1 1H9l-3.5 3v-3H4a1 1 0 0 1-1-1v-7a1 1 0 0 1 1-1Z",
    "M6.5 8h7M6.5 10.5h4.5",
  ],
  articles: ["M5.5 3.5h6l4 4v9h-10Z", "M11.5 3.5v4h4M8 11h5M8 13.5h5"],
  bell: ["M5.5 12.5V9a4.5 4.5 0 0 1 9 0v3.5l1.25 1.75H4.25Z", "M8.5 16.75a1.75 1.75 0 0 0 3 0"],
  muted: [
    "M5.5 12.5V9a4.5 4.5 0 0 1 7.6-3.25M14.5 9.5v3l1.25 1.75H7",
    "M8.5 16.75a1.75 1.75 0 0 0 3 0M3.5 3.5l13 13",
  ],
  keys: [
    "M3.5 5.5h13a1 1 0 0 1 1 1v7a1 1 0 0 1-1 1h-13a1 1 0 0 1-1-1v-7a1 1 0 0 1 1-1Z",
    "M5.5 8.5h.01M8.5 8.5h.01M11.5 8.5h.01M14.5 8.5h.01M7 11.5h6",
  ],
  leave: ["M8.5 3.5h-4a1 1 0 0 0-1 1v11a1 1 0 0 0 1 1h4", "M12.5 6.5 16 10l-3.5 3.5M16 10H8"],
  back: ["M11.5 4.5 6 10l5.5 5.5"],
  details: ["M3.5 4.5h13a1 1 0 0 1 1 1v9a1 1 0 0 1-1 1h-13a1 1 0 0 1-1-1v-9a1 1 0 0 1 1-1Z", "M12.5 4.5v11"],
  send: ["M4 10h11M10.5 5.5 15 10l-4.5 4.5"],
  check: ["m4.5 10.5 3.5 3.5 7.5-8"],
  close: ["m5.5 5.5 9 9M14.5 5.5l-9 9"],
  clock: ["M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14Z", "M10 6.25V10l2.5 1.75"],
  answer: ["M8 5 3.5 9.5 8 14", "M3.5 9.5h8a5 5 0 0 1 5 5V15"],
  closing: ["M6 3.5h8M6 16.5h8", "M7 3.5c0 3.5 6 4.5 6 6.5s-6 3-6 6.5M13 3.5c0 3.5-6 4.5-6 6.5s6 3 6 6.5"],
  alert: ["M10 3.25 17.25 16H2.75Z", "M10 8v3.5M10 13.75h.01"],
  external: [
    "M8 4.5H5a1 1 0 0 0-1 1V15a1 1 0 0 0 1 1h9.5a1 1 0 0 0 1-1v-3",
    "M11.5 3.5h5v5M16.25 3.75 9.5 10.5",
  ],
  verified: [
    "M10 2.75 12 4.4l2.6-.2.6 2.5 2.2 1.4-1 2.4 1 2.4-2.2 1.4-.6 2.5-2.6-.2-2 1.65-2-1.65-2.6.2-.6-2.5-2.2-1.4 1-2.4-1-2.4 2.2-1.4.6-2.5 2.6.2Z",
    "m7.25 10.25 2 2 3.5-4",
  ],
  star: ["m10 3 2.1 4.4 4.9.65-3.6 3.35.9 4.85L10 13.9l-4.3 2.35.9-4.85L3 8.05l4.9-.65Z"],
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, filled = false }: { name: IconName; filled?: boolean }) {
  return (
    <svg class="icon" viewBox="0 0 20 20" aria-hidden="true" data-filled={filled || undefined}>
      {PATHS[name].map((path) => (
        <path d={path} />
      ))}
    </svg>
  );
}
