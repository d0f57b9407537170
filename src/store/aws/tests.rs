use super::*;

#[test]
fn a_label_gives_one_id_of_a_length_the_service_takes() {
    let id = version_id(&Label::new("stanch-c1-1-abc"));
    assert_eq!(id, version_id(&Label::new("stanch-c1-1-abc")));
    assert_ne!(id, version_id(&Label::new("stanch-c1-2-abc")));
    assert!((32..=64).contains(&id.len()));
    assert!(id.starts_with(OURS));
}

#[test]
fn a_foreign_change_that_waits_is_refused_and_ours_is_not() {
    let at = StorePath::new("shop");
    let stages = |pairs: &[(&str, &[&str])]| {
        Stages(
            pairs
                .iter()
                .map(|(id, names)| ((*id).to_owned(), names.iter().map(|n| (*n).to_owned()).collect()))
                .collect(),
        )
    };
    let ours = version_id(&Label::new("stanch-c1-1-abc"));
    assert!(refuse_foreign(&stages(&[("a", &[CURRENT])]), &at).is_ok());
    assert!(refuse_foreign(&stages(&[("a", &[CURRENT]), (&ours, &[PENDING])]), &at).is_ok());
    assert!(refuse_foreign(&stages(&[("a", &[CURRENT, PENDING])]), &at).is_ok());
    let refused = refuse_foreign(&stages(&[("a", &[CURRENT]), ("b", &[PENDING])]), &at).unwrap_err();
    assert!(matches!(&refused, StoreError::Pending { version, .. } if version.as_str() == "b"));
    assert!(refused.to_string().contains("AWSPENDING"));
}

#[test]
fn odd_codes_are_not_repeated() {
    assert_eq!(plain(403, "AccessDenied"), "403 AccessDenied");
    assert_eq!(plain(403, "<xml> body"), "403");
    assert_eq!(plain(400, &"a".repeat(100)), "400");
}

/// Against the AWS that `tests/real` starts.
mod real {
    use super::super::super::contract::{self, real};
    use super::*;
    use crate::rotation::Staged;

    fn settings(key: AwsKey) -> AwsSettings {
        AwsSettings {
            region: Some(real::setting("STANCH_TEST_AWS_REGION")),
            endpoint: Some(real::setting("STANCH_TEST_AWS_URL")),
            key: Some(key),
            timeout: Duration::from_secs(30),
        }
    }

    async fn store() -> AwsStore {
        let id = real::setting("STANCH_TEST_AWS_ADMIN_ID");
        let secret = real::secret("STANCH_TEST_AWS_ADMIN_SECRET_FILE");
        AwsStore::connect(settings(AwsKey { id, secret, session: None })).await.unwrap()
    }

    fn secret(text: &str) -> Secret {
        Secret::new(text.as_bytes().to_vec())
    }

    async fn made(store: &AwsStore) -> StorePath {
        let at = StorePath::new(format!("shop/{}", real::unique()));
        store.client.create_secret().name(at.as_str()).secret_string("old").send().await.unwrap();
        at
    }

    #[tokio::test]
    async fn the_contract_is_kept() {
        if !real::wanted() {
            return;
        }
        let store = store().await;
        let at = made(&store).await;
        contract::check(&store, &at, &real::unique()).await;
    }

    #[tokio::test]
    async fn nothing_of_ours_waits_after_a_promotion_or_a_discard() {
        if !real::wanted() {
            return;
        }
        let store = store().await;
        let at = made(&store).await;
        let label = Label::new(format!("stanch-{}", real::unique()));
        let staged = store.stage(&at, &secret("new"), &label).await.unwrap();
        let waiting = |stages: &Stages| stages.holder(PENDING).map(str::to_owned);
        assert_eq!(waiting(&store.describe(&at, "check").await.unwrap()), Some(version_id(&label)));
        store.promote(&at, &staged, &secret("new")).await.unwrap();
        let stages = store.describe(&at, "check").await.unwrap();
        assert_eq!(waiting(&stages), None);
        assert_eq!(stages.holder(PREVIOUS), Some(staged.previous.as_str()), "the way back stays open");
        let other = Label::new(format!("stanch-{}", real::unique()));
        store.stage(&at, &secret("another"), &other).await.unwrap();
        store.discard(&at, &other).await.unwrap();
        assert_eq!(waiting(&store.describe(&at, "check").await.unwrap()), None);
    }

    #[tokio::test]
    async fn bytes_that_are_no_text_are_kept_as_they_are() {
        if !real::wanted() {
            return;
        }
        let store = store().await;
        let at = made(&store).await;
        let value = Secret::new(vec![0, 0xff, 0xfe, 7]);
        let label = Label::new(format!("stanch-{}", real::unique()));
        let staged = store.stage(&at, &value, &label).await.unwrap();
        store.promote(&at, &staged, &value).await.unwrap();
        assert!(store.read(&at, &Which::Current).await.unwrap().1.same_as(&value));
    }

    #[tokio::test]
    async fn foreign_changes_are_left_alone() {
        if !real::wanted() {
            return;
        }
        let store = store().await;
        let at = made(&store).await;
        let label = Label::new(format!("stanch-{}", real::unique()));
        let staged = store.stage(&at, &secret("new"), &label).await.unwrap();
        // Somebody else writes in between.
        let put = || store.client.put_secret_value().secret_id(at.as_str());
        put().secret_string("theirs").send().await.unwrap();
        let late = store.promote(&at, &staged, &secret("new")).await.unwrap_err();
        assert!(matches!(late, StoreError::Conflict { .. }), "{late:?}");
        assert!(store.read(&at, &Which::Current).await.unwrap().1.same_as(&secret("theirs")));
        // Somebody else's change waits.
        put().secret_string("waiting").version_stages(PENDING).send().await.unwrap();
        assert!(matches!(store.ready(&at).await, Err(StoreError::Pending { .. })));
        let mine = store.stage(&at, &secret("new"), &Label::new(format!("stanch-{}", real::unique()))).await;
        assert!(matches!(mine, Err(StoreError::Pending { .. })), "{mine:?}");
    }

    #[tokio::test]
    async fn a_fence_leaves_what_somebody_else_wrote_in_between() {
        if !real::wanted() {
            return;
        }
        let direct = store().await;
        let at = made(&direct).await;
        let label = Label::new(format!("stanch-{}", real::unique()));
        let staged = direct.stage(&at, &secret("new"), &label).await.unwrap();
        // The version that fences is there; before it is moved, somebody else writes.
        let id = version_id(&fence_label(&label));
        direct.put(&at, &id, &secret("old"), FENCE, "fence").await.unwrap();
        direct.client.put_secret_value().secret_id(at.as_str()).secret_string("theirs").send().await.unwrap();
        let moved = direct.move_stage(&at, CURRENT, staged.previous.as_str(), Some(&id), "fence").await;
        assert!(moved.is_err(), "the move names the version that was looked at");
        let refused = direct.fence(&at, &staged, &secret("old"), &label).await;
        assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
        assert!(direct.read(&at, &Which::Current).await.unwrap().1.same_as(&secret("theirs")));
    }

    #[tokio::test]
    async fn a_fenced_store_shows_a_version_of_its_own_and_no_stage_of_ours() {
        if !real::wanted() {
            return;
        }
        let store = store().await;
        let at = made(&store).await;
        let label = Label::new(format!("stanch-{}", real::unique()));
        let staged = store.stage(&at, &secret("new"), &label).await.unwrap();
        let fenced = store.fence(&at, &staged, &secret("old"), &label).await.unwrap();
        assert_ne!(fenced, staged.previous);
        assert_eq!(store.fence(&at, &staged, &secret("old"), &label).await.unwrap(), fenced);
        assert_eq!(store.describe(&at, "check").await.unwrap().holder(FENCE), None);
        assert!(store.promote(&at, &staged, &secret("new")).await.is_err(), "a late promotion changes nothing");
        assert!(store.read(&at, &Which::Current).await.unwrap().1.same_as(&secret("old")));
    }

    #[tokio::test]
    async fn a_refusal_is_told_apart_from_silence() {
        if !real::wanted() {
            return;
        }
        let at = StorePath::new("shop/none");
        let stranger =
            AwsKey { id: concat!("AK", "IA", "0000000000000000").into(), secret: secret("no"), session: None };
        let refused = AwsStore::connect(settings(stranger)).await.unwrap().ready(&at).await.unwrap_err();
        assert!(matches!(refused, StoreError::Refused { .. }), "{refused:?}");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let nowhere = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let key = AwsKey { id: "id".into(), secret: secret("no"), session: None };
        let silent = AwsStore::connect(AwsSettings { endpoint: Some(nowhere), ..settings(key) }).await.unwrap();
        let silent = silent.stage(&at, &secret("x"), &Label::new("l")).await.unwrap_err();
        assert!(matches!(silent, StoreError::NoAnswer { .. }), "{silent:?}");
        let store = store().await;
        let at = made(&store).await;
        let large = store.stage(&at, &secret(&"x".repeat(70_000)), &Label::new(real::unique())).await.unwrap_err();
        assert!(matches!(large, StoreError::Refused { .. }), "{large:?}");
        let gone = Staged { version: Some(Version::new("f".repeat(40))), previous: store.ready(&at).await.unwrap() };
        assert!(matches!(store.promote(&at, &gone, &secret("x")).await, Err(StoreError::Missing { .. })));
    }

    #[tokio::test]
    async fn a_lost_reply_is_one_write_and_one_move() {
        if !real::wanted() {
            return;
        }
        let direct = store().await;
        let at = made(&direct).await;
        let through = async |mark: &'static str| {
            let endpoint = real::losing(&real::setting("STANCH_TEST_AWS_URL"), mark).await;
            let id = real::setting("STANCH_TEST_AWS_ADMIN_ID");
            let secret = real::secret("STANCH_TEST_AWS_ADMIN_SECRET_FILE");
            let settings = settings(AwsKey { id, secret, session: None });
            AwsStore::connect(AwsSettings { endpoint: Some(endpoint), ..settings }).await.unwrap()
        };
        let label = Label::new(format!("stanch-{}", real::unique()));
        let store = through("secretsmanager.PutSecretValue").await;
        let lost = store.stage(&at, &secret("new"), &label).await.unwrap_err();
        assert_eq!(lost.happened(), Happened::Perhaps, "{lost:?}");
        let staged = store.stage(&at, &secret("new"), &label).await.unwrap();
        assert_eq!(direct.describe(&at, "check").await.unwrap().0.len(), 2, "one version besides the first");
        let store = through("secretsmanager.UpdateSecretVersionStage").await;
        let promoted = store.promote(&at, &staged, &secret("new")).await.unwrap();
        assert_eq!(Some(promoted), staged.version, "it looks before it gives up");
        assert!(direct.read(&at, &Which::Current).await.unwrap().1.same_as(&secret("new")));
    }
}
