/** The newest values by their place in time, in arrays that never grow: a page that lives long holds no more. */
export type RingBuffer = {
  /** Replaces the value of this place, or moves on to it; places older than the newest `size` are left out. */
  set(place: number, value: number): void;
  /** Moves on to this place, if it is a newer one, without a value for it. */
  advance(place: number): void;
  /** The values of the `size` places up to the newest; null where none was set. Fills `into` and returns it. */
  read(into: (number | null)[]): (number | null)[];
  readonly newest: number | undefined;
};

export const createRingBuffer = (size: number): RingBuffer => {
  const values = new Float64Array(size);
  const places = new Float64Array(size).fill(Number.NEGATIVE_INFINITY);
  let newest: number | undefined;
  return {
    set: (place, value) => {
      if (newest !== undefined && place <= newest - size) return;
      const at = ((place % size) + size) % size;
      values[at] = value;
      places[at] = place;
      if (newest === undefined || place > newest) newest = place;
    },
    advance: (place) => {
      if (newest === undefined || place > newest) newest = place;
    },
    read: (into) => {
      into.length = size;
      for (let back = 0; back < size; back += 1) {
        const place = (newest ?? 0) - (size - 1 - back);
        const at = ((place % size) + size) % size;
        into[back] = newest !== undefined && places[at] === place ? (values[at] as number) : null;
      }
      return into;
    },
    get newest() {
      return newest;
    },
  };
};
