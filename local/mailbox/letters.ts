import { randomUUID } from 'node:crypto';

export type Letter = {
  id: string;
  messageId: string;
  from: string;
  to: string[];
  subject: string;
  text: string;
  html: string;
  /** RFC 3339. */
  receivedAt: string;
};

export type Letters = {
  /** Adds a letter. One with the Message-ID of another replaces it: senders repeat what they are not sure of. */
  add(letter: Omit<Letter, 'id'>): void;
  /** Newest first; those to one address, if it is given. */
  list(to?: string): Letter[];
  find(id: string): Letter | undefined;
};

/** Keeps the newest `lettersMax` letters in memory. */
export const createLetters = (lettersMax: number): Letters => {
  let letters: Letter[] = [];
  return {
    add: (letter) => {
      const isAnother = ({ messageId }: Letter): boolean =>
        messageId !== letter.messageId || messageId === '';
      letters = [{ id: randomUUID(), ...letter }, ...letters.filter(isAnother)].slice(0, lettersMax);
    },
    list: (to) => {
      const address = to?.toLowerCase();
      return letters.filter((letter) => address === undefined || letter.to.includes(address));
    },
    find: (id) => letters.find((letter) => letter.id === id),
  };
};
