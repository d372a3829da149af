/** What JSX becomes: the build puts this import into every file that needs it. */
export { Fragment, h } from "preact";
