/**
 * Blocks of numbers of a few lengths, close together in large arrays. A million short arrays of their own would take several
 * times the memory of what is in them. A block is of a class: 4 * 2^class numbers, at most `lengthMax`. Its address is a
 * multiple of 4, counted in fours; a block that was freed is given again.
 */
export type Blocks = {
  allocate(sizeClass: number): number;
  free(address: number, sizeClass: number): void;
  lengthOf(sizeClass: number): number;
  /** Where a block is: in `numbers` and `weights` of the segment, from `beginOf` on. */
  segmentOf(address: number): Segment;
  beginOf(address: number): number;
};

export type Segment = { numbers: Int32Array; weights: Float32Array };

const segmentBits = 18;
const segmentLength = 1 << segmentBits;

/** `isWeighed`: whether each number has a weight. */
export const createBlocks = (lengthMax: number, isWeighed: boolean): Blocks => {
  const segments: Segment[] = [];
  const freed: number[][] = [];
  let used = segmentLength;
  const lengthOf = (sizeClass: number): number => Math.min(4 << sizeClass, (lengthMax + 3) & ~3);
  return {
    lengthOf,
    allocate: (sizeClass) => {
      const known = freed[sizeClass]?.pop();
      if (known !== undefined) return known;
      const length = lengthOf(sizeClass);
      if (used + length > segmentLength) {
        segments.push({
          numbers: new Int32Array(segmentLength),
          weights: new Float32Array(isWeighed ? segmentLength : 0),
        });
        used = 0;
      }
      used += length;
      return ((segments.length - 1) * segmentLength + used - length) / 4;
    },
    free: (address, sizeClass) => {
      freed[sizeClass] ??= [];
      freed[sizeClass].push(address);
    },
    segmentOf: (address) => segments[Math.floor(address / (segmentLength / 4))]!,
    beginOf: (address) => (address % (segmentLength / 4)) * 4,
  };
};
