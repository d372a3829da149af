/** A mail as it came, as the server reads it. All of it was written by anybody: text, shown as text. */

export interface Piece {
  readonly kind: "said" | "quote" | "signature";
  readonly text: string;
}

export interface Mail {
  readonly name: string;
  readonly address: string;
  /** Somebody stands by the address that it claims. */
  readonly verified: boolean;
  readonly to: readonly string[];
  readonly cc: readonly string[];
  /** Of these, who may be put in copy: other people who get no answers. */
  readonly others: readonly string[];
  readonly subject: string;
  /** ms since 1970 UTC, by its own word; null where it has none. */
  readonly date: number | null;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly pieces: readonly Piece[];
  readonly files: readonly { readonly place: number; readonly name: string; readonly bytes: number }[];
  readonly bytes: number;
  /** False: there is more in the original. */
  readonly whole: boolean;
}

/** Where the mail is to be had as which a message came. */
export const mailOf = (ticket: number, seq: number): string => `/console/tickets/${ticket}/mails/${seq}`;

/** The same of a note. */
export const mailOfNote = (ticket: number, seq: number): string => `/console/tickets/${ticket}/notes/${seq}`;

/** Whether a message came by mail: its item says so, and whether anybody stands by the sender. */
export const byMail = (reason: string | undefined): boolean => reason === "mail" || reason === "unverified";
