/** Times as people say them, in the reader's zone and language. Arguments are ms since 1970 UTC, durations seconds. */

import { plural, t, tag } from "./i18n";

const DAY = 86_400_000;
const made: Record<string, Intl.DateTimeFormat> = {};

/** Making a formatter is slow, using one is not. */
function format(at: number, options: Intl.DateTimeFormatOptions): string {
  const key = tag() + JSON.stringify(options);
  made[key] ??= new Intl.DateTimeFormat(tag(), options);
  return made[key].format(at);
}

/** "2:00 p. m.", "2:00 PM", "14:00": as the pages say it that the server writes; browsers write the halves of a Spanish day in several ways. */
export const clockTime = (at: number, timeZone?: string): string =>
  format(at, { hour: "numeric", minute: "2-digit", timeZone }).replace(/\W+([ap])\.\s*m/, "\u00a0$1.\u00a0m");

/** The whole date and time, for tooltips. */
export const fullTime = (at: number): string => `${format(at, { dateStyle: "full" })}, ${clockTime(at)}`;

/** Calendar days from `now` to `at`, in the reader's zone: 0 today, -1 yesterday, 1 tomorrow. */
export function daysBetween(now: number, at: number): number {
  const midnight = (ms: number) => new Date(ms).setHours(0, 0, 0, 0);
  // A day of a clock change has 23 or 25 hours.
  return Math.round((midnight(at) - midnight(now)) / DAY);
}

/** With the year, where it is not this one. */
function dated(at: number, now: number, options: Intl.DateTimeFormatOptions): string {
  const year = (ms: number) => new Date(ms).getFullYear();
  return format(at, year(at) === year(now) ? options : { ...options, year: "numeric" });
}

const DAY_NAME = { weekday: "long" } as const;
const LONG = { ...DAY_NAME, day: "numeric", month: "long" } as const;

/** "Hoy", "Ayer", "lunes", "lunes, 3 de marzo": the heading over a day's messages. */
export function dayName(at: number, now: number): string {
  const days = daysBetween(now, at);
  if (!days) return t("common.today");
  if (days === -1) return t("common.yesterday");
  const day = days < 0 && days > -7 ? format(at, DAY_NAME) : dated(at, now, LONG);
  return day.replace(/./, (first) => first.toUpperCase());
}

/** For lists: "ahora", "hace 5 min", "2:00 p. m.", "ayer", "lun", "3 mar". */
export function shortTime(at: number, now: number): string {
  const minutes = Math.floor((now - at) / 60_000);
  if (minutes < 1) return t("common.now");
  if (minutes < 60) return t("common.minutes_ago", { minutes });
  const days = daysBetween(now, at);
  if (!days) return clockTime(at);
  if (days === -1) return t("common.yesterday").toLowerCase();
  return days > -7 ? format(at, { weekday: "short" }) : dated(at, now, { day: "numeric", month: "short" });
}

/** A moment to come, within a sentence: "hoy a las 2:00 p. m.", "mañana a las …", "el lunes a las …". */
export function when(at: number, now: number): string {
  const days = daysBetween(now, at);
  const key = days > 1 ? "common.day_at" : days > 0 ? "common.tomorrow_at" : "common.today_at";
  const time = clockTime(at);
  return t(key, {
    day: format(at, days < 7 ? DAY_NAME : LONG),
    // By the hour as it is said: "a la 1:00 p. m.", "a las 2:00 p. m."; "à 1:00", "às 13:00".
    at: plural("common.at", Number.parseInt(time, 10)),
    time,
  });
}

/** A duration rounded honestly: "menos de 1 min", "4 min", "1 h 10 min" (in steps of ten beyond an hour). */
export function duration(seconds: number): string {
  if (seconds < 60) return t("common.under_a_minute");
  const minutes = Math.ceil(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const tens = Math.ceil(minutes / 10);
  return `${Math.floor(tens / 6)} h${tens % 6 ? ` ${tens % 6}0 min` : ""}`;
}

/** "0:42", for countdowns and waiting times. */
export const minutesSeconds = (seconds: number): string =>
  `${Math.floor(seconds / 60)}:${`${Math.floor(seconds % 60)}`.padStart(2, "0")}`;
