import type { en } from './en';

/** The shape of the English catalogue with its texts left open: a language that lacks one does not compile. */
type Open<T> = T extends string
  ? string
  : T extends (...args: infer Args) => string
    ? (...args: Args) => string
    : { readonly [Key in keyof T]: Open<T[Key]> };

export type Messages = Open<typeof en>;
