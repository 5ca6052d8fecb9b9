import globals from "globals";
import svelte from "eslint-plugin-svelte";
import ts from "typescript-eslint";
import svelteConfig from "./svelte.config.js";

export default ts.config(
  { ignores: ["dist/", "dist-fake/", "dist-pseudo/", "src/generated", "node_modules"] },
  ...ts.configs.strict,
  ...svelte.configs.recommended,
  {
    languageOptions: { globals: { ...globals.browser, ...globals.node } },
    rules: {
      "no-console": "error",
      "no-undef": "off",
      "@typescript-eslint/consistent-type-imports": "error",
      // Text from tasks and pools must only ever become text nodes.
      "svelte/no-at-html-tags": "error",
      // A style attribute is refused by the hosts' policy; style directives set properties through script.
      "no-restricted-syntax": [
        "error",
        { selector: "SvelteAttribute[key.name='style']", message: "Use a class or a style: directive." },
        // Words that people read come from messages/*.json, in every language.
        { selector: "SvelteElement > SvelteText[value=/[A-Za-z\\u4e00-\\u9fff]{2,}/]", message: "Use a message of the catalogue." },
        {
          selector: "SvelteAttribute[key.name=/^(aria-label|aria-description|title|placeholder|alt)$/] > SvelteLiteral[value=/[A-Za-z\\u4e00-\\u9fff]{2,}/]",
          message: "Use a message of the catalogue.",
        },
      ],
      "svelte/require-each-key": "error",
      "svelte/no-target-blank": "error",
      "svelte/button-has-type": "error",
    },
  },
  {
    files: ["**/*.svelte", "**/*.svelte.ts"],
    languageOptions: { parserOptions: { parser: ts.parser, extraFileExtensions: [".svelte"], svelteConfig } },
  },
  { files: ["scripts/**"], rules: { "no-console": "off" } },
);
