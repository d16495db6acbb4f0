/** The documents that have a word, by rising number, each with the weight of the place where it stands. */
export type Postings = {
  readonly documents: Int32Array;
  readonly weights: Uint8Array;
  readonly count: number;
};

type Growing = { documents: Int32Array; weights: Uint8Array; count: number };

const sizeMin = 4;

export const createPostings = (): Growing => ({
  documents: new Int32Array(sizeMin),
  weights: new Uint8Array(sizeMin),
  count: 0,
});

/** `document` is higher than those before. */
export const addPosting = (postings: Growing, document: number, weight: number): void => {
  if (postings.count === postings.documents.length) {
    const documents = new Int32Array(postings.count * 2);
    documents.set(postings.documents);
    const weights = new Uint8Array(postings.count * 2);
    weights.set(postings.weights);
    Object.assign(postings, { documents, weights });
  }
  postings.documents[postings.count] = document;
  postings.weights[postings.count] = weight;
  postings.count += 1;
};
