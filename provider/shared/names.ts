/** Half of a surrogate pair would be another character on the server than in the program. */
export function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}

export const NOT_WELL_FORMED = "must be well-formed Unicode";

export const ACCOUNT_NAME_RULE = "must be 1 to 255 characters long, not blank, without NUL";

export function isAccountName(text: string): boolean {
  return isKeyName(text) && [...text].length <= 255;
}

export const KEY_NAME_RULE = "must not be blank nor contain NUL";

export function isKeyName(text: string): boolean {
  return text.trim() !== "" && !text.includes("\0");
}
