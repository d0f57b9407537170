//! Every object of a repository, one after the other, in the order of their names.

use super::pack::{Flow, Item, Known, Object, ObjectId, Objects, Walk};

/// Hands out all of them, as a walk asks for them.
pub(super) fn each(objects: &Objects, walk: &Walk<'_>, visit: &(dyn Fn(Item<'_>) -> Flow + Sync)) {
    let mut ids: Vec<ObjectId> = objects.packs().iter().flat_map(super::pack::Pack::ids).collect();
    match objects.loose_ids() {
        Ok(loose) => ids.extend(loose),
        Err(trouble) => {
            if visit(Item::Unread(trouble)) == Flow::Stop {
                return;
            }
        }
    }
    ids.sort_unstable();
    ids.dedup();
    let mut reader = objects.reader(u64::MAX);
    for id in ids {
        let item = match reader.header(&id) {
            Ok(Some((kind, _))) if !walk.kinds.has(kind) || (walk.known)(&id) != Known::New => continue,
            Ok(Some((kind, size))) if size > walk.limit => visit(Item::TooLarge { id, kind, size }),
            Ok(_) => match reader.read(&id) {
                Ok(Some((kind, bytes))) => visit(Item::Object(Object { id, kind, bytes: &bytes, fresh: None })),
                Ok(None) => continue,
                Err(trouble) => visit(Item::Unread(trouble)),
            },
            Err(trouble) => visit(Item::Unread(trouble)),
        };
        if item == Flow::Stop {
            return;
        }
    }
}
