// The page's only behavior: shows the entries, and adds one. All of them are one value of one key,
// joined by commas, as the server keeps no lists.
"use strict";

const KEY = "messages";

async function ask(parameters) {
  const response = await fetch(`guestbook.php?${new URLSearchParams({ key: KEY, ...parameters })}`);
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error ?? response.statusText);
  return answer;
}

async function entries() {
  const { data } = await ask({ cmd: "get" });
  return data.split(",").filter((entry) => entry !== "");
}

function show(all) {
  const items = all.map((text) => {
    const item = document.createElement("li");
    item.textContent = text;
    return item;
  });
  document.getElementById("messages").replaceChildren(...items);
}

async function guarded(work) {
  const fault = document.getElementById("fault");
  try {
    await work();
    fault.textContent = "";
  } catch (error) {
    fault.textContent = error.message;
  }
}

document.getElementById("entry").addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.target;
  void guarded(async () => {
    const all = [...(await entries()), form.text.value.replaceAll(",", " ")];
    await ask({ cmd: "set", value: all.join(",") });
    form.reset();
    show(all);
  });
});

void guarded(async () => show(await entries()));
