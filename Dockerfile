# The lesson in JupyterLab: docker build -t digits . && docker run --rm -p 127.0.0.1:8888:8888 digits
FROM python:3.12-slim

# Not root: what runs in a notebook can do what its user can.
RUN useradd --create-home student && install -d -o student -g student /home/student/digits
WORKDIR /home/student/digits
COPY requirements.lock .
RUN pip install --no-cache-dir --require-hashes -r requirements.lock
COPY --chown=student . .
USER student
EXPOSE 8888
CMD ["jupyter", "lab", "--ip=0.0.0.0", "--no-browser", \
     "--LabApp.default_url=/lab/tree/Digit_recognizer.ipynb"]
