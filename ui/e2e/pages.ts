// Every screen in every situation that looks different: scene and address.

export const PAGES: readonly (readonly [string, string])[] = [
  ["earning", "home"],
  ["engine", "home"],
  ["sign_in", "home"],
  ["asked", "home"],
  ["fresh", "home"],
  ["unencrypted", "home"],
  ["reconnecting", "home"],
  ["lost", "home"],
  ["earning", "tasks"],
  ["empty", "tasks"],
  ["earning", "tasks/7c9e6679-7425-40de-944b-000000000001/1"],
  ["ready", "tasks/7c9e6679-7425-40de-944b-000000000100/1"],
  ["earning", "resources"],
  ["gpu", "resources"],
  ["earning", "earnings"],
  ["empty", "earnings"],
  ["engine", "health"],
  ["earning", "settings"],
  ["earning", "about"],
  ["earning", "log"],
  ["snoozed", "home"],
  ["fresh", "welcome"],
  ["earning", "more"],
  ["unpaired", "home"],
  ["missing", "home"],
  ["breaker", "home"],
  ["frozen", "tasks"],
  ["many", "tasks"],
  ["gpu_snoozed", "home"],
  ["tunnel", "health"],
  ["battery", "home"],
  ["forced", "home"],
  ["measured", "about"],
];

/** Where names and numbers are as long as they can get. */
export const LONG: readonly (readonly [string, string])[] = ["home", "tasks", "tasks/7c9e6679-7425-40de-944b-000000000001/1", "resources", "settings", "about", "log"].map(
  (path) => ["hostile", path] as const,
);
