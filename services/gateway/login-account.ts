const lengthMax = 254;

/**
 * What the logins and registrations of one account are counted under. It takes for one account whatever the user service might
 * take for one, and rather more: without space or invisible characters, composed, and folded over both cases
 * (`ß`, `ẞ` and `SS` alike). Too coarse, and two odd addresses share five attempts; too fine, and one account
 * has five for each spelling. At most 254 characters, the longest address that can log in.
 */
export const accountKey = (email: string): string =>
  email
    .slice(0, lengthMax)
    .normalize('NFKC')
    .replace(/[\s\p{Default_Ignorable_Code_Point}]/gu, '')
    .toLowerCase()
    .toUpperCase()
    .toLowerCase()
    .normalize('NFKC')
    .slice(0, lengthMax);
