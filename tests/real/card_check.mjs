// Reads a Teams message from standard input and has Microsoft's own library judge its card: every unknown element, wrong
// value and missing property is named. Run where adaptivecards is installed.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const library = createRequire(`${process.cwd()}/`)("adaptivecards/dist/adaptivecards.js");
const { attachments } = JSON.parse(readFileSync(0, "utf8"));
const card = new library.AdaptiveCard();
const context = new library.SerializationContext();
card.parse(attachments[0].content, context);
const found = card.validateProperties().validationEvents.map((event) => event.message);
for (let at = 0; at < context.eventCount; at++) found.push(context.getEventAt(at).message);
if (attachments.length !== 1 || card.getItemCount() === 0) found.push("there is not one card with something in it");
console.log(found.join("\n"));
process.exit(found.length ? 1 : 0);
