// What to do about a path that holds no data set: where one lies near it, or what must be unpacked or fetched first. The
// same as the engine's `data/source/advice.rs`, and what is said of images, which the engine does not look for.
package io.firesteel.data

private[data] object DataAdvice {
  private val Archives = Seq(".tar.gz", ".tgz", ".tar", ".zip", ".tar.bz2", ".tar.xz")
  private val Depth = 2 // directories below the given one that are looked into: torchvision's MNIST/raw is two below
  private val Most = 100 // of one directory
  private val Unpack = "unpack it and give the directory of the files in it"

  /** For a directory in which no data set was found.
    *
    * @param kind the name of the data set that files of these names make, if they make one
    */
  def ofDirectory(directory: DataDirectory, kind: DataDirectory => Option[String]): Option[String] =
    otherVersion(directory)
      .orElse(loose(directory))
      .orElse(below(directory, Depth)(kind).map { case (there, name) => lies(there, name) })
      .orElse(directory.names.find(isArchive).map(name => s"$name lies there: $Unpack"))
      .orElse(below(directory, depth = 1)(otherVersion).map { case (there, what) => s"${there.path}: $what" })

  /** For the data set `name` in another directory than the one that was given. */
  def lies(there: DataDirectory, name: String): String = s"${there.path} has those of $name: give that directory"

  private def loose(directory: DataDirectory): Option[String] =
    directory.names.find(name => ClassTree.isImage(name) && !ClassTree.isHidden(name)).map { image =>
      s"$image lies in it, and images are read from class folders: ${ClassFolders.Expected}"
    }

  /** For a file where a directory was wanted. */
  def ofFile(name: String): String = if (isArchive(name)) Unpack else "give the directory that it lies in"

  private def isArchive(name: String): Boolean = Archives.exists(name.endsWith)

  /** CIFAR is published in three versions; only one of them is read. */
  private def otherVersion(directory: DataDirectory): Option[String] = {
    val version =
      if (directory.has("data_batch_1") || directory.has("train") && directory.has("meta")) Some("Python")
      else if (directory.has("data_batch_1.mat") || directory.has("train.mat")) Some("Matlab")
      else None
    version.map { name =>
      s"these are CIFAR's files for $name, and the binary version is needed, cifar-10-binary.tar.gz or " +
        "cifar-100-binary.tar.gz of https://www.cs.toronto.edu/~kriz/cifar.html"
    }
  }

  /** The first directory that `finds` something in, the nearer ones before those below them. */
  private def below[A](directory: DataDirectory, depth: Int)(
      finds: DataDirectory => Option[A]
  ): Option[(DataDirectory, A)] = {
    val there = directory.directories(Most)
    there.iterator
      .flatMap(each => finds(each).map(each -> _))
      .nextOption()
      .orElse(if (depth > 1) there.iterator.flatMap(below(_, depth - 1)(finds)).nextOption() else None)
  }
}
