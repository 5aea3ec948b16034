import { containsUnknown } from "../lifecycle/unknowns";

type Props = Readonly<Record<string, unknown>>;

/**
 * A property as it stands. Read the usual way, one that is unknown ends the whole policy for this preview: right for
 * a rule about one resource, too much for a rule about a stack.
 */
export function rawProperty(props: Props, name: string): unknown {
  return Object.getOwnPropertyDescriptor(props, name)?.value;
}

/** A property, or undefined while it or a part of it is unknown. */
export function known(props: Props, name: string): unknown {
  const value = rawProperty(props, name);
  return containsUnknown(value) ? undefined : value;
}
