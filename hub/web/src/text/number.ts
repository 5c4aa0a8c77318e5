// Numbers in English sentences.

const numbers = [
  "No",
  "One",
  "Two",
  "Three",
  "Four",
  "Five",
  "Six",
  "Seven",
  "Eight",
  "Nine",
  "Ten",
  "Eleven",
  "Twelve",
];
/** A number that begins a sentence. */
export const word = (n: number) => numbers[n] ?? String(n);
/** `1 box`, `3 boxes`. */
export const many = (n: number, one: string, other = `${one}s`) => `${n} ${n === 1 ? one : other}`;
