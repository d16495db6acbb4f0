/** The largest value of a column of PostgreSQL's type `integer`. */
export const integerMax = 2_147_483_647;
