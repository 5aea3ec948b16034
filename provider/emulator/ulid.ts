const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const TIME_CHARACTERS = 10;
const RANDOM_CHARACTERS = 16;

/** A ULID: 10 characters of milliseconds since 1970, then 16 random ones. */
export function ulid(milliseconds: number, random: () => number): string {
  let rest = milliseconds;
  let time = "";
  for (let i = 0; i < TIME_CHARACTERS; i++) {
    time = ALPHABET.charAt(rest % 32) + time;
    rest = Math.floor(rest / 32);
  }
  let tail = "";
  for (let i = 0; i < RANDOM_CHARACTERS; i++) tail += ALPHABET.charAt(Math.floor(random() * 32));
  return time + tail;
}
