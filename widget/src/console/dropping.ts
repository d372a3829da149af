/** Files that are dragged over the page: dropped where somebody writes they are attached; anywhere else the page stays. */

/** Listen; returns what stops it. `over`: files are above the page. `take`: they were dropped. */
export function onDrop(over: (here: boolean) => void, take: (data: DataTransfer | null) => void): () => void {
  // Entering a child comes before leaving its parent: what counts is whether any of it is still entered.
  let depth = 0;
  const show = (now: number) => {
    depth = Math.max(0, now);
    over(depth > 0);
  };
  return listen({
    dragenter: () => show(depth + 1),
    dragleave: () => show(depth - 1),
    drop: (event) => {
      show(0);
      take(event.dataTransfer);
    },
  });
}

/** Without this a file that misses its place would open instead of the console. Returns what stops it. */
export function keepPage(): () => void {
  const stay = (event: DragEvent) => {
    event.preventDefault();
    // Where nobody took it in, the pointer says so.
    if (event.type === "dragover" && event.dataTransfer && !document.getElementById("composer")) {
      event.dataTransfer.dropEffect = "none";
    }
  };
  return listen({ dragover: stay, drop: stay });
}

function listen(
  heard: Partial<Record<"dragenter" | "dragleave" | "dragover" | "drop", (event: DragEvent) => void>>,
) {
  const ours = Object.entries(heard).map(([type, act]) => {
    const listener = (event: Event) => {
      const dragged = event as DragEvent;
      if (dragged.dataTransfer?.types.includes("Files")) act(dragged);
    };
    document.addEventListener(type, listener);
    return () => document.removeEventListener(type, listener);
  });
  return () => {
    for (const stop of ours) stop();
  };
}
