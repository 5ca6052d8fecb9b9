use super::*;

fn no_env(_: &str) -> Option<String> {
    None
}

fn load(path: &Path) -> Result<FileSettings, SettingsLoadError> {
    FileSettings::load(path, no_env, &[])
}

fn flag(key: &str, value: &str) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

#[test]
fn flag_before_environment_before_file_before_default() {
    let at = tempfile::tempdir().unwrap();
    let path = at.path().join("settings.toml");
    std::fs::write(
        &path,
        "max_concurrent_tasks = 2\nmax_cpu_cores = 1.5\ncpu_only = true\ntheme = \"dark\"\n",
    )
    .unwrap();
    let env = |name: &str| match name {
        "MAX_CONCURRENT_TASKS" => Some("5".to_owned()),
        "MAX_CPU_CORES" => Some("3".to_owned()),
        "LOG_LEVEL" => Some("  ".to_owned()),
        _ => None,
    };
    let settings = FileSettings::load(&path, env, &[flag("max_concurrent_tasks", "7")]).unwrap().current();
    assert_eq!(settings.get("max_concurrent_tasks"), Some(("7", Source::Flag)));
    assert_eq!(settings.get("max_cpu_cores"), Some(("3", Source::Environment)));
    assert_eq!(settings.get("cpu_only"), Some(("true", Source::File)));
    assert_eq!(settings.get("log_level"), Some(("info", Source::Default)));
    assert_eq!(settings.text("theme"), "dark");
}

#[test]
fn a_wrong_value_names_place_key_value_and_what_is_allowed() {
    let at = tempfile::tempdir().unwrap();
    let path = at.path().join("settings.toml");
    let env = |name: &str| (name == "MAX_CONCURRENT_TASKS").then(|| "many".to_owned());
    let error = FileSettings::load(&path, env, &[]).unwrap_err().to_string();
    assert_eq!(
        error,
        "environment variable MAX_CONCURRENT_TASKS: max_concurrent_tasks is \"many\", allowed is a whole number from 1 to 64"
    );
    let error =
        FileSettings::load(&path, no_env, &[flag("max_concurrent_tasks", "0")]).unwrap_err().to_string();
    assert!(error.starts_with("flag --max-tasks: max_concurrent_tasks is \"0\""), "{error}");
    for (content, part) in [
        ("max_concurrent_tasks = 65", "allowed is a whole number from 1 to 64"),
        ("max_concurrent_tasks = -1", "-1"),
        ("max_cpu_cores = nan", "allowed is a number of cores"),
        ("max_concurrent_tasks = [1]", "max_concurrent_tasks is \"[1]\""),
        ("[max_concurrent_tasks]\na = 1", "max_concurrent_tasks"),
        ("no_such_key = 1", "one of these keys: master_url"),
        ("cpu_only = 1979-05-27", "true or false"),
        ("\n\nthis is not toml", "line 3"),
        ("theme = \"light\"\ntheme = \"dark\"", "line 2"),
    ] {
        std::fs::write(&path, content).unwrap();
        let error = load(&path).unwrap_err().to_string();
        assert!(error.contains(part) && error.contains("settings.toml"), "{content}: {error}");
    }
    std::fs::write(&path, b"theme = \"\xff\"").unwrap();
    assert!(load(&path).unwrap_err().to_string().contains("UTF-8"));
    std::fs::write(&path, "#".repeat(300 << 10)).unwrap();
    assert!(load(&path).unwrap_err().to_string().contains("larger"));
}

#[tokio::test]
async fn a_change_keeps_what_the_owner_wrote() {
    let at = tempfile::tempdir().unwrap();
    let path = at.path().join("settings.toml");
    std::fs::write(&path, "# mine\nmax_concurrent_tasks = 2 # two\n\n# dark, please\ntheme = \"dark\"\n")
        .unwrap();
    let store = load(&path).unwrap();
    let settings = store.set("max-concurrent-tasks", Some(" 4 ")).await.unwrap();
    assert_eq!(settings.get("max_concurrent_tasks"), Some(("4", Source::File)));
    assert_eq!(*store.current(), settings);
    store.set("cpu_only", Some("yes")).await.unwrap();
    store.set("max_memory_limit", Some("2G")).await.unwrap();
    let expected = "# mine\nmax_concurrent_tasks = 4 # two\n\n# dark, please\ntheme = \"dark\"\n\
                    cpu_only = true\nmax_memory_limit = \"2g\"\n";
    assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
    let settings = store.set("cpu_only", None).await.unwrap();
    assert_eq!(settings.get("cpu_only"), Some(("false", Source::Default)));
    assert_eq!(*load(&path).unwrap().current(), settings);
    assert_eq!(std::fs::read_dir(at.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_stronger_source_stays_in_force_but_the_file_changes() {
    let at = tempfile::tempdir().unwrap();
    let path = at.path().join("settings.toml");
    let store = FileSettings::load(&path, no_env, &[flag("theme", "light")]).unwrap();
    let settings = store.set("theme", Some("dark")).await.unwrap();
    assert_eq!(settings.get("theme"), Some(("light", Source::Flag)));
    assert_eq!(load(&path).unwrap().current().get("theme"), Some(("dark", Source::File)));
}

#[tokio::test]
async fn a_bad_file_or_value_is_never_written_over() {
    let at = tempfile::tempdir().unwrap();
    let path = at.path().join("settings.toml");
    std::fs::write(&path, "theme = \"dark\"\n").unwrap();
    let store = load(&path).unwrap();
    for (key, value) in
        [("theme", Some("pink")), ("no_such_key", Some("1")), ("no_such_key", None), ("cpu_only", Some("2"))]
    {
        let error = store.set(key, value).await.unwrap_err();
        assert!(matches!(error, SettingsChangeError::Invalid(_)), "{error}");
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "theme = \"dark\"\n");
    // The owner is in the middle of editing it.
    for content in ["theme = \"da", "theme = \"pink\"\n"] {
        std::fs::write(&path, content).unwrap();
        let error = store.set("cpu_only", Some("true")).await.unwrap_err().to_string();
        assert!(error.contains("mended first"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
        assert_eq!(store.current().text("theme"), "dark");
    }
}

#[tokio::test]
async fn after_a_mistake_in_the_file_the_last_good_settings_stay_in_force() {
    let at = tempfile::tempdir().unwrap();
    let path = at.path().join("settings.toml");
    let good = at.path().join("kept.toml");
    let start = || FileSettings::load_or_last_good(&path, &good, no_env, &[flag("theme", "dark")]);
    std::fs::write(&path, "max_cpu_cores = 0\n").unwrap();
    assert!(start().is_err(), "nothing good was ever kept, and nothing is guessed");
    std::fs::write(&path, "max_cpu_cores = 2\n").unwrap();
    assert!(start().unwrap().trouble().is_none());
    for wrong in [
        "max_cpu_cores = ",
        "max_cpu_cores = 0\n",
        "colour = \"red\"\n",
        "schedule = \"mon 10:00-12:00; mon 11:00-13:00\"\n",
        "schedule = \"fri-mon 10:00-12:00\"\n",
        "schedule = \"mon 10:00-10:00\"\n",
        "schedule = \"mon 10:00-12:00 loud\"\n",
        "network_hours = \"mon 10:00-12:00 max\"\n",
        "electricity_price = \"-1\"\n",
        "electricity_currency = \"euro\"\n",
    ] {
        std::fs::write(&path, wrong).unwrap();
        let store = start().unwrap();
        let why = store.trouble().expect("it is said").to_string();
        assert!(why.contains("settings.toml"), "{why}");
        let key = wrong.split(' ').next().unwrap();
        assert!(why.contains(key) || why.contains("line 1"), "{why}");
        assert_eq!((store.current().text("max_cpu_cores"), store.current().text("theme")), ("2", "dark"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), wrong, "left as it is");
        let refused = store.set("cpu_only", Some("true")).await.unwrap_err().to_string();
        assert!(refused.contains("mended first"), "{refused}");
    }
    // Mended, it holds again, and a change is kept as well.
    std::fs::write(&path, "max_cpu_cores = 3\n").unwrap();
    start().unwrap().set("cpu_only", Some("true")).await.unwrap();
    std::fs::write(&path, "max_cpu_cores = 3\ncpu_only = maybe").unwrap();
    let store = start().unwrap();
    assert_eq!((store.current().text("max_cpu_cores"), store.current().flag("cpu_only")), ("3", true));
    // A file that is gone is no mistake: the built-in values hold.
    std::fs::remove_file(&path).unwrap();
    let store = start().unwrap();
    assert!(store.trouble().is_none() && store.current().text("max_cpu_cores") == "4");
}

#[tokio::test]
async fn changes_at_once_all_stay() {
    let at = tempfile::tempdir().unwrap();
    let path = at.path().join("settings.toml");
    let store = Arc::new(load(&path).unwrap());
    let changes =
        [("theme", "dark"), ("cpu_only", "true"), ("max_concurrent_tasks", "9"), ("language", "en")];
    let mut tasks = tokio::task::JoinSet::new();
    for (key, value) in changes {
        let store = Arc::clone(&store);
        tasks.spawn(async move { store.set(key, Some(value)).await.unwrap() });
    }
    tasks.join_all().await;
    let settings = load(&path).unwrap().current();
    for (key, value) in changes {
        assert_eq!(settings.text(key), value);
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_written_is_said() {
    let at = tempfile::tempdir().unwrap();
    let store = load(&at.path().join("gone/settings.toml")).unwrap();
    let error = store.set("theme", Some("dark")).await.unwrap_err();
    assert!(matches!(error, SettingsChangeError::Store(_)), "{error}");
    assert_eq!(store.current().text("theme"), "system");
}

#[test]
fn random_damage_gives_good_settings_or_a_clear_error() {
    let at = tempfile::tempdir().unwrap();
    let path = at.path().join("settings.toml");
    let good =
        "# comment\nmax_concurrent_tasks = 2\nmax_cpu_cores = 1.5\ncpu_only = true\ntheme = \"dark\"\n";
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    for _ in 0..2000 {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let mut bytes = good.as_bytes().to_vec();
        let at = usize::try_from(random % bytes.len() as u64).unwrap();
        bytes[at] ^= 1 << ((random >> 32) % 8);
        std::fs::write(&path, &bytes).unwrap();
        match load(&path) {
            Ok(store) => {
                let settings = store.current();
                assert!(KEYS.iter().all(|k| k.check(settings.text(k.name)).is_ok()));
            }
            Err(error) => assert!(error.to_string().contains("settings.toml"), "{error}"),
        }
        assert_eq!(std::fs::read(&path).unwrap(), bytes, "loading changed the file");
    }
}
