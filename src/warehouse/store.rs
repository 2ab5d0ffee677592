//! The stores that datasets lie in: a local disk whose commits survive a power failure, or an object store.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use deltalake_core::DeltaResult;
use deltalake_core::logstore::{
    LogStore, LogStoreFactory, ObjectStoreRef, StorageConfig, default_logstore, logstore_factories,
};
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use url::Url;

/// The local disk, with every put synced before it is believed.
pub(super) fn durable_local() -> Arc<dyn ObjectStore> {
    Arc::new(DurableLocal { inner: LocalFileSystem::new() })
}

/// An object store by its address; keys, region and endpoint come from the environment that its vendor documents.
pub(super) fn remote(address: &Url) -> std::result::Result<Arc<dyn ObjectStore>, String> {
    match address.scheme() {
        "s3" => {
            let store = object_store::aws::AmazonS3Builder::from_env()
                .with_url(address.as_str())
                .build()
                .map_err(|error| error.to_string())?;
            let scheme = Url::parse("s3://").map_err(|error| error.to_string())?;
            logstore_factories().insert(scheme, Arc::new(PutIfAbsent));
            Ok(Arc::new(store))
        }
        scheme => Err(format!("scheme `{scheme}` is not known; write a folder or s3://bucket/prefix")),
    }
}

/// How Delta commits on an object store: a put that fails where the name is taken, which stores of the S3 kind can do.
/// Delta's core knows this for local disks only, and has to be told for other addresses.
struct PutIfAbsent;

impl LogStoreFactory for PutIfAbsent {
    fn with_options(
        &self,
        prefixed_store: ObjectStoreRef,
        root_store: ObjectStoreRef,
        location: &Url,
        options: &StorageConfig,
    ) -> DeltaResult<Arc<dyn LogStore>> {
        Ok(default_logstore(prefixed_store, root_store, location, options))
    }
}

/// `LocalFileSystem` does not sync what it writes: after a power failure a commit could be an empty file. Here a put is
/// on the disk, with the name in its folder, before it is answered.
#[derive(Debug)]
struct DurableLocal {
    inner: LocalFileSystem,
}

impl fmt::Display for DurableLocal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DurableLocal({})", self.inner)
    }
}

impl DurableLocal {
    fn put_durably(place: &PathBuf, payload: &PutPayload, create: bool) -> io::Result<()> {
        let folder = place.parent().ok_or_else(|| io::Error::other("no folder"))?;
        crate::durable::create_folder(folder)?;
        let mut file = crate::durable::temporary(folder)?;
        for part in payload {
            file.write_all(part)?;
        }
        file.as_file().sync_all()?;
        if create {
            // A hard link fails where the name is taken: of two writers of one version only one wins.
            fs::hard_link(file.path(), place)?;
        } else {
            file.persist(place).map_err(|error| error.error)?;
        }
        crate::durable::sync_folder(folder)
    }
}

#[async_trait]
impl ObjectStore for DurableLocal {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        let create = match opts.mode {
            PutMode::Create => true,
            PutMode::Overwrite => false,
            PutMode::Update(_) => return self.inner.put_opts(location, payload, opts).await,
        };
        let place = self.inner.path_to_filesystem(location)?;
        match Self::put_durably(&place, &payload, create) {
            Ok(()) => Ok(PutResult { e_tag: None, version: None }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(object_store::Error::AlreadyExists { path: location.to_string(), source: error.into() })
            }
            Err(error) => Err(object_store::Error::Generic { store: "DurableLocal", source: error.into() }),
        }
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
