// The tokens as Mantine's theme, so that its controls have no second look beside ours.
import { type CSSVariablesResolver, createTheme, type MantineColorsTuple } from "@mantine/core";

const pine: MantineColorsTuple = [
  "#e6f4f1",
  "#cfe6e0",
  "#a3cfc4",
  "#73b6a6",
  "#4ca08d",
  "#33937e",
  "#238570",
  "#0b6b5b",
  "#085a4c",
  "#03473c",
];

/** Mantine's greys in our green, so that a field lies in the page's own ground by day and by night. */
const gray: MantineColorsTuple = [
  "#f6f7f6",
  "#eef1ef",
  "#e1e6e3",
  "#d5dcd8",
  "#c8d0cc",
  "#9aa5a1",
  "#66736e",
  "#55635e",
  "#2b3632",
  "#16201d",
];
const dark: MantineColorsTuple = [
  "#e8eeeb",
  "#c3cfc9",
  "#9db0a9",
  "#85968f",
  "#3a4a44",
  "#24302c",
  "#1a2321",
  "#151c1a",
  "#0d1211",
  "#080c0b",
];

export const theme = createTheme({
  fontFamily: "var(--f)",
  fontFamilyMonospace: "var(--n)",
  primaryColor: "pine",
  primaryShade: { light: 7, dark: 4 },
  colors: { pine, gray, dark },
  defaultRadius: 8,
  cursorType: "pointer",
  respectReducedMotion: true,
  headings: { fontFamily: "var(--f)" },
  components: {
    Button: { defaultProps: { size: "sm", variant: "filled" } },
    Modal: { defaultProps: { radius: 12, centered: true, overlayProps: { backgroundOpacity: 0.35 } } },
    Tooltip: { defaultProps: { openDelay: 300 } },
  },
});

export const variables: CSSVariablesResolver = () => {
  const own = {
    "--mantine-color-body": "var(--paper)",
    "--mantine-color-text": "var(--ink)",
    "--mantine-color-dimmed": "var(--mute)",
    "--mantine-color-placeholder": "var(--faint)",
    "--mantine-color-default": "var(--card)",
    "--mantine-color-disabled": "var(--sched)",
    "--mantine-color-disabled-color": "var(--faint)",
    "--mantine-color-default-hover": "color-mix(in srgb, var(--accent) 7%, var(--card))",
    "--mantine-color-default-color": "var(--ink)",
    "--mantine-color-default-border": "var(--line-strong)",
    "--mantine-color-error": "var(--bad)",
    "--mantine-color-anchor": "var(--accent)",
    "--mantine-primary-color-filled": "var(--accent)",
    "--mantine-primary-color-filled-hover": "color-mix(in srgb, var(--accent) 86%, var(--ink))",
    "--mantine-primary-color-contrast": "var(--accent-ink)",
    "--mantine-color-pine-filled": "var(--accent)",
    "--mantine-color-pine-filled-hover": "color-mix(in srgb, var(--accent) 86%, var(--ink))",
  };
  return { variables: {}, light: own, dark: own };
};
